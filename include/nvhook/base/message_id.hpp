// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace nvhook {

// Why a run failed. Each id is explained, with its cure, in docs/messages.md; scripts match on the
// name and on the exit status, so neither changes once released.
enum class ErrorId : std::uint8_t {
  Usage,             // the command line is wrong
  Bug,               // our own fault
  Config,            // nvhook's configuration file
  Setuid,            // installed so that others run it with more rights than they have
  ReqDevice,         // a requested GPU does not exist or is named wrongly
  ReqCapability,     // a requested driver capability does not exist
  ReqRequirement,    // what the image requires of the driver is no expression that we know
  ReqUnmet,          // this host does not have what the image requires
  StateRead,         // the state or the bundle cannot be read
  StateLimit,        // the state or config.json exceeds a limit
  StateParse,        // the state or config.json is not well-formed JSON
  StateField,        // a field is missing or has the wrong type
  Stage,             // run at a point of the container's life where it cannot work
  DriverAbsent,      // no NVIDIA driver is loaded
  DriverIncomplete,  // the kernel module is there, files that match it are not
  DriverRead,        // the driver's own files cannot be read or make no sense
  NodeMissing,       // a device node that must exist does not
  NodeType,          // a device node is not the device it should be
  SrcTrust,          // a driver file that somebody besides root could change
  SrcChanged,        // a driver file changed while the hook ran
  DstArch,           // the image is for another processor
  DstResolve,        // a target cannot be reached inside the root file system
  DstType,           // something other than a plain file stands at a target
  DstForeignMount,   // a target lies in a volume or another file system
  DstReadOnly,       // a target cannot be made in a read-only root
  Rootfs,            // the root file system is not there or not the container's
  Propagation,       // mounts made there would leak to the host
  Userns,            // the container's user namespace cannot own new files
  Pid,               // the process is gone, or not a container's
  NsSame,            // the process shares the host's mount namespace
  Ns,                // a namespace cannot be entered
  Cgroup,            // the devices cannot be allowed
  Kernel,            // a system call failed that should not
  Race,              // somebody keeps changing what the hook works on
  NoSpace,           // no space, inodes or mounts left
  Interrupted,       // somebody wanted the hook to end
  Deadline,          // the container's root file system does not answer
  Record,            // the record of a container is not there, or another's
  Systemd,           // systemd cannot be told of the devices
  ReqMig,            // power over all MIG devices is asked for in a way that is not granted
  ReqImex,           // an IMEX channel is named wrongly
  NvmlAbsent,        // the program that asks NVML, or NVML itself, is not there
  NvmlTimeout,       // NVML did not answer in time
  NvmlCrashed,       // NVML ended the process that asked it
  NvmlFailed,        // NVML says that it cannot answer
  NvmlAnswer,        // what came back is no answer
  Store,             // the volumes of the driver cannot be kept where they should be
  Listen,            // nvhook-companion cannot listen where it should
};

// What the user should know although the run succeeded.
enum class WarningId : std::uint8_t {
  ConfigKey,       // a key of the configuration is unknown, or has no effect
  LibraryMissing,  // a driver library that the request covers is not on the host
  NodeMissing,     // an optional device node is not on the host
  NoGpus,          // the driver is loaded but drives no GPU
  NoLoader,        // the image has no dynamic loader
  RootfsEmpty,     // the root file system is empty, its layout was guessed
  LinkExists,      // the image has something of its own where a link belongs
  NoCgroup,        // there is no device cgroup to open
  NoSeccomp,       // the kernel cannot restrict our system calls
  Log,             // the log or debug file cannot be written
  NotLocked,       // the container's root could take restrictions of our mounts away
  NotSealed,       // the container could make our read-only mounts writable
  NoRecord,        // what was done is not on record
  Systemd,         // systemd was not told of the devices, and may take them away
  LdCache,         // the container's loader is not told of the libraries
  Musl,            // the image's C library is another than the driver's libraries are made for
  ProgramPath,     // programs are not where PATH leads
  ReqUnknown,      // whether this host has what the image requires cannot be told
  Litter,          // what a dead container has of ours cannot be taken away
  CudaCompat,      // the image's newer driver libraries are not used, for they cannot be judged
  ReqUntrusted,    // devices that an unprivileged container may not ask for by its environment
  ReqIgnored,      // a part of a request that means nothing
  MigOrder,        // which MIG device a number means cannot be told for certain
  ProcfsSkipped,   // what /proc shows of the driver is not restricted to what was granted
  FileSkipped,     // the container starts without a file that it could do without
  Uvm,             // the kernel module that CUDA needs may not be loaded
};

struct ErrorInfo {
  ErrorId id;
  std::string_view name;  // "E_REQ_DEVICE"
  int exit_status;        // docs/messages.md, "Exit status"
};

struct WarningInfo {
  WarningId id;
  std::string_view name;  // "W_NO_LOADER"
};

[[nodiscard]] std::string_view name_of(ErrorId id);
[[nodiscard]] std::string_view name_of(WarningId id);
[[nodiscard]] int exit_status_of(ErrorId id);

// Every id there is, in the order of the enums.
[[nodiscard]] std::span<const ErrorInfo> all_errors();
[[nodiscard]] std::span<const WarningInfo> all_warnings();

}  // namespace nvhook
