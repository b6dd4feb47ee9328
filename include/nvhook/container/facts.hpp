// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "nvhook/base/device_number.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/elf/elf.hpp"

// What was seen in a container, as plain data. inspect and survey fill it, plan reads it.
namespace nvhook::container {

enum class Libc { None, Glibc, Musl };

// What kind of system an image holds, as far as it decides where libraries go.
struct Image {
  Libc libc = Libc::None;               // None: no dynamic loader was found
  std::optional<elf::Identity> loader;  // of the first loader found, the native one if it is there
  bool empty = false;                   // the root directory has no /usr, /lib, /bin or /etc
  bool read_only = false;               // its file system or mount takes nothing new
  ContainerPath library_directory;      // for native libraries
  ContainerPath library32_directory;    // for 32-bit ones
  bool operator==(const Image&) const = default;
};

// A name in a directory of the container where something is to be put.
struct Place {
  ContainerPath directory;  // as asked for: links in it are resolved by the survey
  std::string name;
  auto operator<=>(const Place&) const = default;
};

enum class Standing : std::uint8_t { Nothing, File, Directory, Link, CharDevice, Other };

// What stands at a place now.
struct Found {
  Standing standing = Standing::Nothing;
  DeviceNumber number;        // of a CharDevice
  std::string link_text;      // of a Link
  bool link_dangles = false;  // the link leads to nothing inside the root
  bool other_mount = false;   // something is mounted exactly there
  bool operator==(const Found&) const = default;
};

enum class MountKind : std::uint8_t {
  Rootfs,   // the root file system itself
  Dev,      // a tmpfs at /dev that the container alone has
  Foreign,  // a volume, procfs, sysfs, ...
};

struct DirectoryFacts {
  ContainerPath resolved;   // where the directory really is; missing components as written
  bool exists = false;      // if not, the facts below are those of the nearest parent that does
  std::size_t missing = 0;  // how many of the last components of `resolved` do not exist
  MountKind mount = MountKind::Rootfs;
  bool shared = false;    // mounts made here would appear elsewhere, too
  bool fixed = false;     // it is append-only or immutable: what is made here could not be undone
  std::string trouble{};  // why it cannot be reached, for people; then nothing else is known
  bool operator==(const DirectoryFacts&) const = default;
};

inline constexpr auto kSelinuxLabel = "security.selinux";  // xattr(7)

// A file of the image that is to be exchanged for one of ours, as it is now.
struct Content {
  std::string bytes;
  std::uint32_t mode = 0;  // permission bits
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  std::string label{};  // SELinux's, of the attribute kSelinuxLabel; empty: none
  bool operator==(const Content&) const = default;
};

// A place that may be of no use without harm, with what is there.
struct FileFacts {
  std::string trouble;  // why nothing can be said of it, for people; empty: all of the below is so
  DirectoryFacts directory;
  Found found;
  std::optional<Content> content;  // of the plain file there, or that a link there leads to
  bool operator==(const FileFacts&) const = default;
};

// The state of all places at one moment. Whoever acts on it checks again on his descriptors.
struct Survey {
  std::map<ContainerPath, DirectoryFacts> directories;  // by the path as asked for
  std::map<Place, Found> places;
  bool operator==(const Survey&) const = default;
};

}  // namespace nvhook::container
