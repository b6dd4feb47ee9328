// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/device_number.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"

// The driver of this host as plain data. discover.hpp fills it, plan reads it.
namespace nvhook::driver {

enum class Abi : std::uint8_t { Native, Compat32 };

struct Library {
  HostPath path;  // without any symbolic link, on the host
  // Names that must lead to it, besides the file's own: its SONAME, e.g. "libcuda.so.1". Empty
  // where the SONAME is the file's name. Never the plain "libcuda.so".
  std::vector<std::string> links;
  Abi abi = Abi::Native;
  Capabilities capabilities;  // each of these brings the library
  bool operator==(const Library&) const = default;
};

struct Program {
  HostPath path;  // without any symbolic link
  Capability capability = Capability::Utility;
  bool operator==(const Program&) const = default;
};

enum class NodeKind : std::uint8_t {
  Control,   // nvidiactl: whatever is asked for
  Uvm,       // nvidia-uvm: with compute and video
  UvmTools,  // nvidia-uvm-tools: likewise
  Modeset,   // nvidia-modeset: with display
};

struct Node {
  NodeKind kind = NodeKind::Control;
  HostPath path;     // on the host, below the dev root
  std::string name;  // below the container's /dev: "nvidia-uvm"
  DeviceNumber number;
  bool operator==(const Node&) const = default;
};

struct Gpu {
  std::uint32_t index = 0;  // in PCI order, as NVML counts
  std::uint32_t minor = 0;  // of /dev/nvidia<minor>; may differ from the index
  std::string uuid;         // "GPU-..."; with question marks until the GPU was first initialised
  std::string bus;          // "0000:01:00.0" as /proc/driver/nvidia/gpus has it
  std::string model;
  HostPath node;
  DeviceNumber number;
  // As NVML calls them, where it was asked: "Tesla", "8.0".
  std::optional<std::string> brand{};
  std::optional<std::string> arch{};
  bool operator==(const Gpu&) const = default;
};

// Something on the host that looks like the driver's and is left out.
struct Omitted {
  HostPath path;
  std::string reason;
  bool operator==(const Omitted&) const = default;
};

struct Driver {
  std::string version;             // of the loaded kernel module: "550.54.14"
  std::string root;                // the driver root as configured
  std::vector<Library> libraries;  // in the order of the table of names, native first
  std::vector<Program> programs;
  std::vector<Node> nodes;
  std::vector<Gpu> gpus;  // in PCI order
  std::vector<Omitted> omitted;
  std::vector<Warning> warnings;
  std::optional<std::string> cuda{};  // its newest CUDA version, as NVML said it: "12.4"
  std::string nvml_silence{};         // why NVML, though it was needed, said nothing; for people
  bool operator==(const Driver&) const = default;
};

}  // namespace nvhook::driver
