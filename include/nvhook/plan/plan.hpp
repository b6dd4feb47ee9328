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
#include "nvhook/container/facts.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/request/request.hpp"

// What the hook will do to a container, as plain data. The dry run prints it, apply carries it out,
// so the two cannot disagree. Its JSON form, nvhook.plan/1, is described in docs/plan.md.
namespace nvhook::plan {

enum class Kind {
  Library,
  Library32,
  Binary,
  Device,
  Directory,  // of a daemon's sockets, of device nodes
  Socket,
  Firmware,
  Config,
  Procfs,  // a DriverView
};

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
  bool makes_point = false;  // nothing is there to mount on yet
  bool operator==(const Mount&) const = default;
};

struct Symlink {
  ContainerPath path;
  std::string target;                   // the link's text
  std::optional<std::string> replaces;  // the text of the stale link that it takes the place of
  bool operator==(const Symlink&) const = default;
};

// A text file that is made where there is none.
struct File {
  ContainerPath path;
  std::string content;
  std::optional<HostPath> from{};  // that it is a copy of, but for what the plan has changed in it
  bool operator==(const File&) const = default;
};

// What the container sees of container::kDriverDirectory, as a file system of its own.
struct DriverView {
  bool whole = true;        // over the directory; else over the one file alone
  HostPath source;          // what of this host it stands for
  ContainerPath target;     // where it is mounted
  std::vector<File> files;  // at the target or below it
  bool operator==(const DriverView&) const = default;
};

// How the container's loader comes to know the libraries.
enum class CacheAction {
  None,      // it does not: there is no loader, or nothing can be written
  Merge,     // the image's ld.so.cache is exchanged for one that has ours, too
  Create,    // for one that has ours alone
  Bind,      // a merged one is mounted over the image's, for its root is read-only
  MuslPath,  // musl's list of directories is exchanged for one that has ours, too
  Unknown,   // there is no image to look at
};

// A library that the loader is to find by this name.
struct Findable {
  std::string name;
  ContainerPath path;
  Kind kind = Kind::Library;
  bool operator==(const Findable&) const = default;
};

// What stands where a file of ours goes: to be put back.
struct Former {
  std::optional<std::string> link_text;  // it is a link
  container::Content content;            // else
  bool operator==(const Former&) const = default;
};

struct LoaderCache {
  CacheAction action = CacheAction::None;
  ContainerPath path;                      // empty: none
  std::vector<ContainerPath> directories;  // where the libraries are
  std::vector<Findable> libraries;         // the first of a name counts
  std::string compat;                      // for people: whether the image's own come first
  std::optional<Former> former;
  std::string bytes;  // of the new file; complete() gives them
  bool operator==(const LoaderCache&) const = default;
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
  // Where a directory of ours is mounted that has the files in it; none: layout System.
  std::optional<ContainerPath> tree;
  std::string mount_label;                 // of SELinux's, for the tree; empty: none
  std::vector<ContainerPath> directories;  // to be made, outside of the tree
  std::vector<Mount> mounts;
  std::vector<Symlink> symlinks;
  std::vector<File> files;
  std::optional<DriverView> driver_view;
  LoaderCache loader;
  std::vector<Device> devices;
  std::vector<driver::Omitted> omitted;
  std::vector<Warning> warnings;
  bool operator==(const Plan&) const = default;
};

}  // namespace nvhook::plan
