// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/device_number.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/feature.hpp"
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

// A device node that is not of every driver.
struct DeviceNode {
  HostPath path;     // on the host, below the dev root
  std::string name;  // below the container's /dev: "nvidia-caps/nvidia-cap12"
  DeviceNumber number;
  bool operator==(const DeviceNode&) const = default;
};

// The right to use what the driver guards by a file below /proc/driver/nvidia/capabilities: whoever
// can open the device node that the file names has it.
struct Access {
  std::string file;  // below that directory: "gpu0/mig/gi1/access"
  std::string text;  // of the file: NVML reads it to find the node
  DeviceNode node;
  std::string missing;  // why there is no such node, and what makes it; empty: there is
  bool operator==(const Access&) const = default;
};

// A GPU can be partitioned into GPU instances, and each of these into compute instances: such a one
// is what NVML calls a MIG device. To use it takes the right to both.
struct ComputeInstance {
  std::uint32_t id = 0;
  Access access;
  bool operator==(const ComputeInstance&) const = default;
};
struct GpuInstance {
  std::uint32_t id = 0;
  Access access;
  std::vector<ComputeInstance> compute;  // in the order of their ids
  bool operator==(const GpuInstance&) const = default;
};

// What whoever partitions GPUs has to reach: the instances that are made later have nodes that are
// not there yet, with numbers that are fixed for each driver.
struct Partitioning {
  struct Right {
    std::uint32_t gpu = 0;  // minor of the GPU's node
    DeviceNode node;        // there is one as soon as there is the instance
    bool operator==(const Right&) const = default;
  };
  HostPath directory;         // of all these nodes
  std::vector<Right> rights;  // to each instance that there can be
  bool operator==(const Partitioning&) const = default;
};

// A node of the kernel's graphics subsystem: /dev/dri/card0, /dev/dri/renderD128.
struct DrmNode {
  HostPath path;
  std::string name;  // below /dev/dri
  DeviceNumber number;
  bool operator==(const DrmNode&) const = default;
};

struct Gpu {
  std::uint32_t index = 0;  // in PCI order, as NVML counts
  std::uint32_t minor = 0;  // of /dev/nvidia<minor>; may differ from the index
  std::string uuid;         // "GPU-..."; with question marks until the GPU was first initialised
  std::string bus;          // "0000:01:00.0" as /proc/driver/nvidia/gpus has it
  std::string model;
  HostPath node;
  DeviceNumber number;
  std::vector<GpuInstance> mig{};  // in the order of their ids
  // As NVML calls them, where it was asked: "Tesla", "8.0".
  std::optional<std::string> brand{};
  std::optional<std::string> arch{};
  std::string information{};   // the text of its file in /proc
  std::vector<DrmNode> drm{};  // by name
  bool operator==(const Gpu&) const = default;
};

// What NVML calls a MIG device: the kernel module has neither UUIDs nor NVML's order.
struct MigName {
  std::uint32_t gpu = 0;    // index of the GPU
  std::uint32_t index = 0;  // of the device among those of the GPU; some may be left out
  std::uint32_t gpu_instance = 0;
  std::uint32_t compute_instance = 0;
  std::string uuid;  // "MIG-..."
  bool operator==(const MigName&) const = default;
};

// The nodes of devices beside the GPUs.
struct FeatureNodes {
  Feature feature = Feature::Gds;
  std::vector<DeviceNode> nodes;
  std::string missing;  // which there are not, why, and what makes them; empty: all are there
  bool operator==(const FeatureNodes&) const = default;
};

enum class FileKind : std::uint8_t {
  Socket,     // of a daemon
  Directory,  // that holds a daemon's sockets
  Firmware,   // of the GPUs, for the kernel
  Config,     // by which libraries of others find the driver's, and data of the driver's
};

// A file besides libraries and programs. It has a place of its own, the same in every image.
struct File {
  FileKind kind = FileKind::Config;
  HostPath path;                      // without any symbolic link
  ContainerPath target;               // the image may have links on the way to it
  Capabilities capabilities;          // each brings it; none: every request does, or its feature
  bool in_present_directory = false;  // is of use only where the image has the directory
  std::optional<Feature> feature{};   // that brings it, where there are devices of it
  bool operator==(const File&) const = default;
};

// What the kernel module shows in /proc/driver/nvidia, besides GPUs.
struct KernelFile {
  std::string name;  // "params"
  HostPath path;
  std::string content;
  bool operator==(const KernelFile&) const = default;
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
  // Only what was wanted, of what there is.
  std::optional<Access> mig_config{};   // the right to partition GPUs
  std::optional<Access> mig_monitor{};  // the right to see all instances
  std::optional<Partitioning> partitioning{};
  std::vector<DeviceNode> imex_channels{};  // in the order of their numbers, which are the minors
  std::vector<FeatureNodes> features{};
  // Discovery leaves it empty. Whoever has asked NVML puts all MIG devices of this host here.
  std::optional<std::vector<MigName>> mig_names{};
  std::vector<File> files{};
  std::vector<KernelFile> kernel_files{};
  std::vector<Omitted> omitted{};
  std::vector<Warning> warnings{};
  std::optional<std::string> cuda{};  // its newest CUDA version, as NVML said it: "12.4"
  std::string nvml_silence{};         // why NVML, though it was needed, said nothing; for people
  bool operator==(const Driver&) const = default;
};

}  // namespace nvhook::driver
