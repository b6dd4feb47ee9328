// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/device_number.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/mount_options.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/request/request.hpp"

// What the hook will do to a container, as plain data. The dry run prints it, apply carries it out,
// so the two cannot disagree. Its JSON form, nvhook.plan/1, is described in docs/plan.md.
namespace nvhook::plan {

enum class Kind { Library, Library32, Binary, Device };

enum class State {
  Mount,    // to be mounted
  Present,  // the runtime has made the very node already; it only needs the device rule
};

struct Mount {
  Kind kind = Kind::Library;
  std::optional<Capability> capability;  // that brings it; none: every request does
  State state = State::Mount;
  std::string reason;  // for people: "compute", "GPU 0", "control node"
  HostPath source;
  ContainerPath target;  // its directory resolved, as it will stand in mountinfo
  MountOptions options;
  // Bound out of an overlay without an upper layer, which nobody can make writable: the container
  // could take "ro" away from a plain mount.
  bool sealed = false;
  bool operator==(const Mount&) const = default;
};

struct Symlink {
  ContainerPath path;
  std::string target;                   // the link's text
  std::optional<std::string> replaces;  // the text of the stale link that it takes the place of
  bool operator==(const Symlink&) const = default;
};

// A rule for the container's device cgroup: read and write, never mknod.
struct Device {
  ContainerPath path;
  DeviceNumber number;
  bool operator==(const Device&) const = default;
};

struct Container {
  std::string id;
  std::optional<pid_t> pid;
  std::string bundle;
  std::string rootfs;
  bool operator==(const Container&) const = default;
};

// A part of the plan that cannot be known without a container.
enum class Unknown { Cgroup, PresentNodes, Propagation };

struct Plan {
  Container container;
  std::vector<Unknown> unknown;
  request::Request request;
  std::string driver_version;
  std::string driver_root;
  std::vector<driver::Gpu> gpus;  // the granted ones
  std::vector<Mount> mounts;
  std::vector<Symlink> symlinks;
  std::vector<Device> devices;
  std::vector<driver::Omitted> omitted;
  std::vector<Warning> warnings;
  bool operator==(const Plan&) const = default;
};

}  // namespace nvhook::plan
