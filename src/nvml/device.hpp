// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/nvml/nvml.hpp"
#include "nvml/library.hpp"

namespace nvhook::nvml {

using Handle = void*;  // nvmlDevice_t

// One GPU, asked one thing after another. Of the calls that fail for another reason than that the
// driver or the GPU has no such thing it keeps the first.
class Device {
 public:
  Device(const Library& library, Handle handle) : library_(library), handle_(handle) {}

  // A call with further arguments. Whether it succeeded.
  template <class... Arguments>
  bool ask(const char* name, Arguments... arguments) {
    return succeeded(name, library_.call(name, handle_, arguments...));
  }

  // Of functions whose last argument takes the value.
  template <class Value, class... Arguments>
  requires std::integral<Value> std::optional<Value> number(const char* name,
                                                            Arguments... arguments) {
    Value value{};
    if (!ask(name, arguments..., &value)) return std::nullopt;
    return value;
  }

  std::optional<std::string> text(const char* name) {
    std::array<char, 96> text{};  // NVML_DEVICE_UUID_V2_BUFFER_SIZE, and what a name needs
    if (!ask(name, text.data(), static_cast<unsigned>(text.size() - 1))) return std::nullopt;
    return std::string(text.data());
  }

  // Notes what a call gave.
  bool succeeded(const char* name, int code);

  [[nodiscard]] Handle handle() const { return handle_; }
  [[nodiscard]] const Library& library() const { return library_; }
  [[nodiscard]] const std::optional<Trouble>& trouble() const { return trouble_; }

 private:
  const Library& library_;
  Handle handle_;
  std::optional<Trouble> trouble_;
};

// A call and its code, with the library's own words where it has any.
[[nodiscard]] Trouble trouble_of(const Library& library, std::string_view call, int code);

// src/nvml/*.cpp: each asks for one part of what is to be known of a GPU.
[[nodiscard]] Mig mig_of(Device& device);
[[nodiscard]] Hardware hardware_of(Device& device);
[[nodiscard]] Status status_of(Device& device);
// `others`: all GPUs, in their order; this one is among them, and null for one that is lost.
[[nodiscard]] std::vector<Link> links_of(Device& device, const std::vector<Handle>& others);

// CUDA, initialised. It has numbers of its own; a device is found by its place on the PCI bus.
[[nodiscard]] std::optional<int> cuda_ordinal_of(const Library& cuda, const std::string& bus);
[[nodiscard]] CudaDevice cuda_device_of(const Library& cuda, int ordinal);
[[nodiscard]] std::optional<std::string> cuda_arch_of(const Library& cuda, int ordinal);
// Whether it reads the other's memory.
[[nodiscard]] std::optional<bool> cuda_reads(const Library& cuda, int ordinal, int other);

}  // namespace nvhook::nvml
