// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/volumes/contents.hpp"
#include "nvhook/volumes/name.hpp"
#include "volumes/safe_directory.hpp"

// What stands where in a store:
//   nvidia_driver/<version>/           a volume
//   .nvhook/lock                       held by whoever changes something
//   .nvhook/uses                       the mounts of this boot
//   .nvhook/files-<version>-<inode>    the list of the files of the volume whose folder that is
//   .nvhook/new-<version>              a volume that is being built
//   .nvhook/old-<version>-<inode>      one that has lost its name
//   .nvhook/left-<version>-<inode>     what was in one, or stood in its place, and is not ours
//   .nvhook/.*                         a file that is being written
// A folder keeps its inode when it is renamed. So a list belongs to one folder wherever it stands,
// and no order of events makes it be taken for another's.
namespace nvhook::volumes {

inline constexpr std::array kFolders = {Folder::Bin, Folder::Lib, Folder::Lib64};
inline constexpr mode_t kFolderMode = 0755;  // of a volume and its folders, whatever the umask is
inline constexpr std::size_t kMaxEntries = 10'000;  // of one directory of the store

// The store's directories, open. Only what leads to them was looked up by a path.
struct Rooms {
  UniqueFd root;
  UniqueFd volumes;  // nvidia_driver/
  UniqueFd own;      // .nvhook/
};

// Fails with E_STORE, E_NOSPC; with the code ENOENT if one is missing and not to be made.
[[nodiscard]] Result<Rooms> open_rooms(const std::string& path, Missing missing);

// Whether what there is of them is safe. Fails with E_STORE.
[[nodiscard]] Result<void> check_rooms(const std::string& path);

// Only the volumes' directory, for who changes nothing; nothing if it is not there.
// Fails with E_STORE.
[[nodiscard]] Result<std::optional<UniqueFd>> open_volumes(const std::string& path);

enum class Stage : std::uint8_t { List, New, Old, Left };

// What a name in .nvhook says. A new volume has no inode in its name.
struct OwnName {
  Stage stage = Stage::New;
  Version version;
  std::uint64_t inode = 0;
};
[[nodiscard]] std::string to_text(const OwnName& name);
[[nodiscard]] std::optional<OwnName> parse_own_name(std::string_view text);

// The inode of what stands under a name, whatever it is; nothing if there is nothing.
// Fails with E_STORE.
[[nodiscard]] Result<std::optional<std::uint64_t>> inode_at(int directory, const std::string& name);

// Whether it is a directory, and no link to one. Fails with E_STORE.
[[nodiscard]] Result<bool> is_directory_at(int directory, const std::string& name);

}  // namespace nvhook::volumes
