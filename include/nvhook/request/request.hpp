// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/feature.hpp"

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
// A UUID, "GPU-" and lower-case hexadecimal digits, or how one begins.
struct GpuUuid {
  std::string uuid;
  auto operator<=>(const GpuUuid&) const = default;
};
// The GPU at this place on the PCI bus.
struct GpuBus {
  std::uint32_t domain = 0;
  std::uint32_t bus = 0;
  std::uint32_t device = 0;
  auto operator<=>(const GpuBus&) const = default;
};
// The MIG device at this place among those of the GPU at that place, as NVML counts both: "0:1".
struct MigIndex {
  std::uint32_t gpu = 0;
  std::uint32_t device = 0;
  auto operator<=>(const MigIndex&) const = default;
};
// "MIG-" and a UUID of its own, in lower case: NVML alone knows whose it is.
struct MigUuid {
  std::string uuid;
  auto operator<=>(const MigUuid&) const = default;
};
// "MIG-GPU-<uuid>/<GPU instance>/<compute instance>", as drivers before 470 wrote it.
struct MigInstance {
  std::string gpu_uuid;
  std::uint32_t gpu_instance = 0;
  std::uint32_t compute_instance = 0;
  auto operator<=>(const MigInstance&) const = default;
};
using GpuId = std::variant<GpuIndex, GpuUuid, GpuBus, MigIndex, MigUuid, MigInstance>;

// "0000:65:00.0", "00000000:65:00", "65:00.0": numbers in hexadecimal; without a domain it is 0,
// and the function of a GPU is 0. Nothing for text of another form.
[[nodiscard]] std::optional<GpuBus> parse_bus(std::string_view text);

using GpuSelection = std::variant<AllGpus, NoGpus, std::vector<GpuId>>;

// Where a request was made.
enum class Source {
  Environment,   // NVIDIA_VISIBLE_DEVICES
  LegacyImage,   // of the first years: it says CUDA_VERSION and demands nothing
  VolumeMounts,  // below /var/run/nvidia-container-devices
  Swarm,         // variables that the settings name
};

// What the image demands of driver and GPU, and by which variable: see requirement.hpp.
struct Demand {
  std::string variable;
  std::string requirement;
  bool operator==(const Demand&) const = default;
};
inline constexpr std::size_t kMaxDemands = 32;

using nvhook::Feature;

// What the container asks for, freed from how it asked.
struct Request {
  // The items that decided, as written and each once, for the plan's text: {"0", "2"}, {"all"}.
  std::vector<std::string> devices;
  Source source = Source::Environment;
  GpuSelection gpus;
  Capabilities capabilities;
  std::vector<Demand> demands{};
  bool privileged = false;                     // its bounding set has CAP_SYS_ADMIN
  bool mig_config = false;                     // may partition the GPUs
  bool mig_monitor = false;                    // may see all MIG devices
  std::vector<std::uint32_t> imex_channels{};  // each once, in order
  std::vector<Feature> features{};             // each once, in order
  bool operator==(const Request&) const = default;
};

// A container that asks for nothing, and why that is so ("NVIDIA_VISIBLE_DEVICES is not set").
struct NothingAsked {
  std::string reason;
  bool operator==(const NothingAsked&) const = default;
};

[[nodiscard]] std::string_view name_of(Source source);  // "legacy-image"

}  // namespace nvhook::request
