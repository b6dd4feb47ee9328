// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "volumes/layout.hpp"
#include "volumes/manifest.hpp"

namespace nvhook::volumes {

// The store, open and locked: nobody else changes it.
struct Session {
  Rooms rooms;
  UniqueFd lock;
};
// Fails with E_STORE, E_NOSPC; with the code ENOENT as open_rooms().
[[nodiscard]] Result<Session> begin(const std::string& path, Missing missing,
                                    std::chrono::milliseconds patience);

// The list of the files of the folder with that inode; nothing if there is none, or none that makes
// sense: the folder is not ours then. Fails with E_STORE.
[[nodiscard]] Result<std::optional<Manifest>> list_of(const Rooms& rooms, const Version& version,
                                                      std::uint64_t inode);

// Puts directories on disk in which names have changed. Fails with E_STORE.
[[nodiscard]] Result<void> settle(const Rooms& rooms);

// Does away with a folder that has lost its name, and with its list. One that is in use stays; one
// that is not ours, or has something in it that is not, goes on as .nvhook/left-*: that name is
// given, else an empty one. Unlinks nothing before it is on disk that the folder has lost its name.
// Fails with E_STORE, E_KERNEL.
[[nodiscard]] Result<std::string> dispose(const Session& session, const OwnName& old);

// Takes away whatever calls that did not come to their end have left, and old folders that are no
// longer in use. What cannot be taken away stays until the next time, and is in nobody's way.
void tidy(const Session& session);

// Takes the volume's name away, which must be ours, and disposes of it: gives the name in .nvhook
// of what is left of it, else an empty one. Fails with E_STORE.
[[nodiscard]] Result<std::string> retire(const Session& session, const Version& version,
                                         std::uint64_t inode);

}  // namespace nvhook::volumes
