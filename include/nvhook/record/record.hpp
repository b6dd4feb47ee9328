// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/device_number.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"

// What nvhook is about to do to a container, on file before it does any of it: for who grants the
// devices again, and for who takes away what a dead container left. Its JSON form, nvhook.record/1,
// is described in docs/record.md.
namespace nvhook::record {

// A file system object, by stat(2). Those of nsfs and cgroupfs keep theirs for their life.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};

// Which process of all that were ever given the pid: a pid comes back, these together do not.
struct Identity {
  std::string boot_id;           // /proc/sys/kernel/random/boot_id, random(4)
  std::uint64_t start_time = 0;  // in clock ticks since boot, proc_pid_stat(5) field 22
  FileId mount_namespace;
  std::optional<FileId> cgroup;  // the directory of its device cgroup; none: it has none
  bool operator==(const Identity&) const = default;
};

struct Device {
  ContainerPath path;
  HostPath node;  // on this host
  DeviceNumber number;
  bool operator==(const Device&) const = default;
};

enum class ObjectKind : std::uint8_t { Mount, Link, Directory, File };

// By which a file of ours is known.
struct Fingerprint {
  std::uint64_t size = 0;
  std::uint64_t hash = 0;  // hash_of() its bytes
  bool operator==(const Fingerprint&) const = default;
};

// What a file took the place of. A plain file's bytes are kept beside the record: Store.
struct Former {
  std::optional<std::string> link_text{};  // it was a link
  std::uint32_t mode = 0;                // permission bits of a plain file
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  bool operator==(const Former&) const = default;
};

// What is to be made in the container's root.
struct Object {
  ObjectKind kind = ObjectKind::Mount;
  ContainerPath path;
  bool creates = true;                    // of a mount: an empty file is made to mount on
  std::optional<std::string> text{};      // of a link
  std::optional<std::string> replaces{};  // of a link: the text of the one it takes the place of
  std::optional<Fingerprint> content{};   // of a file
  std::optional<Former> former{};         // of a file
  std::optional<std::uint64_t> inode{};   // once it is made
  bool operator==(const Object&) const = default;
};

// What was made, and which inode it is.
struct Made {
  ContainerPath path;
  std::uint64_t inode = 0;
};

struct Record {
  std::string id;
  std::string bundle;
  std::string rootfs;
  FileId root{};   // its directory
  pid_t hook = 0;  // the process that makes it all: names that it uses for a while have its number
  pid_t pid = 0;
  std::optional<std::string> scope;  // of systemd's, by its name, if it is in one
  Identity identity;
  std::vector<Device> devices;
  std::vector<Object> objects;
  bool operator==(const Record&) const = default;
};

inline constexpr std::size_t kMaxRecordBytes = std::size_t{1} << 20U;  // 26 mounts take 6 KiB

// The text of a record's file, of kMaxRecordBytes at most: one line. Fails with E_RECORD for a
// larger one.
[[nodiscard]] Result<std::string> to_json(const Record& record);

// The line that follows in the file once all is made.
[[nodiscard]] std::string to_json(const std::vector<Made>& made);

// A record from such a text of one line or two, every field of which must be there and have its
// form. Keys that are not known are passed over, and so is a second line that was not written
// whole. Fails with E_RECORD.
[[nodiscard]] Result<Record> parse(std::string_view text);

// FNV-1a of 64 bits (RFC 9923): tells apart what nobody makes alike on purpose.
[[nodiscard]] std::uint64_t hash_of(std::string_view bytes);

// The name of the file for a container: the same for the same bundle and id.
[[nodiscard]] std::string file_name(std::string_view bundle, std::string_view id);

}  // namespace nvhook::record
