// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/volumes/contents.hpp"

namespace nvhook::volumes {

// By what a file of the driver's is known again. A reinstalled one is another inode, whatever its
// time says.
struct Origin {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;    // bytes
  std::int64_t seconds = 0;  // its time of modification, since 1970
  std::int64_t nanoseconds = 0;
  std::uint32_t mode = 0;  // permissions
  bool operator==(const Origin&) const = default;
};
[[nodiscard]] Origin origin_of(const struct stat& status);

enum class Way : std::uint8_t { Linked, Copied };

struct Kept {
  File file;
  Origin origin;  // of the driver's file when the volume was made
  Way way = Way::Linked;
  bool operator==(const Kept&) const = default;
};

// What a volume was made of, and so everything that is in it.
struct Manifest {
  std::string version;
  std::vector<Kept> files;
  bool operator==(const Manifest&) const = default;
};

// A line for each file and each link, the fields separated by tabs, and "end":
//   nvhook.volume/1 <version>
//   linked|copied <folder> <name> <inode> <size> <seconds> <nanoseconds> <mode> <source>
//   link <folder> <name> <target>
//   end
// Fails with E_STORE for a name that is no plain text: no driver has such a one.
[[nodiscard]] Result<std::string> to_text(const Manifest& manifest);

inline constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 20U;  // usual: 10 KiB

// Strictly what to_text writes, in which no file or link has a name outside of its folder.
// Fails with E_STORE.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view text);

}  // namespace nvhook::volumes
