// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/feature.hpp"
#include "nvhook/base/procfs_view.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// What is to be looked for besides libraries, programs and nodes.
struct Extras {
  ProcfsView procfs = ProcfsView::View;  // what of /proc/driver/nvidia is read
  bool persistenced_socket = true;
  bool fabricmanager_socket = true;
  bool firmware = true;
  std::string mps_directory{};  // below driver_root: CUDA_MPS_PIPE_DIRECTORY; empty: none
};

// Where to look, as docs/configuration.md describes it. All absolute paths of this host.
struct Where {
  std::string driver_root = "/";
  std::string dev_root;  // contains dev/; empty: driver_root if it has dev/nvidiactl, else "/"
  std::string proc_root = "/proc";
  std::string sys_root = "/sys";
  std::vector<std::string> library_directories;  // below driver_root, without an ld.so.cache
  std::vector<std::string> program_directories;  // below driver_root
  std::string node_directory = "/dev";           // below dev_root
  Extras extras{};
};

enum class Purpose : std::uint8_t {
  Container,
  // The volumes of nvidia-docker 1.0, which are for every image of its time, have besides: GLVND's
  // own libraries or the driver's of their names (libGL.so.1, libGLdispatch.so.0), whatever their
  // version; and of libnvidia-tls the variant for older kernels where there is no other.
  Volume,
};

// What to look for besides the kernel module and its GPUs: a container's start pays for nothing
// that it does not ask for.
struct Wanted {
  Wanted() = default;
  Wanted(Capabilities each) : capabilities(each) {}  // which is all that most containers want
  Wanted(std::initializer_list<Capability> each) : capabilities(each) {}

  Capabilities capabilities;  // libraries, programs, files and nodes that one of these brings
  bool mig = false;           // the instances that GPUs are partitioned into
  bool mig_controls = false;  // what partitions and monitors them
  bool imex_channels = false;
  std::vector<Feature> features;
  Purpose purpose = Purpose::Container;
};

// Finds the driver without NVML and without opening a device. What `wanted` names beside
// capabilities may be missing: the result says of it what there is. Fails with E_DRIVER_ABSENT (no
// kernel module), E_DRIVER_INCOMPLETE (libcuda for compute or video, libnvidia-ml for utility: no
// file of the module's version), E_DRIVER_READ (a root, the cache or a fact below /proc),
// E_NODE_MISSING (a GPU's node; nvidiactl, if there is a GPU), E_NODE_TYPE, E_KERNEL and E_RACE
// (what could not be looked at, which is not the same as missing). Warns with W_LIBRARY_MISSING
// (once, naming all that every driver has), W_NODE_MISSING (once), W_NO_GPUS, W_FILE_SKIPPED (the
// MPS directory). A daemon's socket that is not there is no news: the daemon does not run.
[[nodiscard]] Result<Driver> discover(const Where& where, const Wanted& wanted);

// Of the same no more than the version, libraries and programs: no node, no device, nothing below
// /proc but the version. Fails with E_DRIVER_*, E_KERNEL and E_RACE.
[[nodiscard]] Result<Driver> discover_files(const Where& where, const Wanted& wanted);

}  // namespace nvhook::driver
