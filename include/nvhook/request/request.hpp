// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/oci/config.hpp"

namespace nvhook::request {

struct AllGpus {
  bool operator==(const AllGpus&) const = default;
};
// "none": the driver's files and control nodes, but no GPU.
struct NoGpus {
  bool operator==(const NoGpus&) const = default;
};
// The GPU at this place in PCI order.
struct GpuIndex {
  std::uint32_t index = 0;
  auto operator<=>(const GpuIndex&) const = default;
};
// A whole UUID, "GPU-" and lower-case hexadecimal digits.
struct GpuUuid {
  std::string uuid;
  auto operator<=>(const GpuUuid&) const = default;
};
using GpuId = std::variant<GpuIndex, GpuUuid>;
using GpuSelection = std::variant<AllGpus, NoGpus, std::vector<GpuId>>;

// Where a request was made. More sources come with the rest of the contract.
enum class Source { Environment };

// What the container asks for, freed from how it asked.
struct Request {
  // The items that decided, as written and each once, for the plan's text: {"0", "2"}, {"all"}.
  std::vector<std::string> devices;
  Source source = Source::Environment;
  GpuSelection gpus;
  Capabilities capabilities;
  bool operator==(const Request&) const = default;
};

// A container that asks for nothing, and why that is so ("NVIDIA_VISIBLE_DEVICES is not set").
struct NothingAsked {
  std::string reason;
  bool operator==(const NothingAsked&) const = default;
};

// Reads NVIDIA_VISIBLE_DEVICES and NVIDIA_DRIVER_CAPABILITIES of the container's environment; of a
// name that repeats, the last entry counts. Both are lists with commas; blanks around an item and
// empty items do not count. Of the words all (in any case), none and void the first one decides
// for the whole list of devices. Capabilities that are unset or empty are utility and compute.
// Whether the host has such GPUs is not asked here. Pure.
// Fails with E_REQ_DEVICE (an item that names no GPU, more than 4096 items) and E_REQ_CAPABILITY
// (an item that is no capability); a value beyond 256 KiB fails likewise.
[[nodiscard]] Result<std::variant<NothingAsked, Request>> parse(
    const std::vector<std::string>& env);

[[nodiscard]] std::string_view name_of(Source source);  // "environment"

}  // namespace nvhook::request
