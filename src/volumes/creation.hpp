// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "nvhook/base/error.hpp"
#include "nvhook/volumes/store.hpp"
#include "volumes/build.hpp"
#include "volumes/session.hpp"

namespace nvhook::volumes {

enum class State : std::uint8_t {
  Missing,   // nothing has the volume's name
  Same,      // it is as wanted
  Unlisted,  // it is as wanted, but who made it has left no list
  Differs,   // what has the name is something else
};

struct Standing {
  State state = State::Missing;
  std::uint64_t inode = 0;  // unless it is missing
};

// How the volume stands to what is wanted, in which every file is to be linked. Copies do for who
// may link; links do not for who may not. Changes nothing.
// Fails with E_STORE.
[[nodiscard]] Result<Standing> compare(const Rooms& rooms, const Version& version,
                                       const Manifest& wanted, Linking linking);

// Writes the list of that folder. Fails with E_STORE, E_NOSPC.
[[nodiscard]] Result<void> write_list(const Rooms& rooms, const Version& version,
                                      std::uint64_t inode, const Manifest& manifest);

// Builds the volume and gives it its name, in the place of what stands there. If it fails the store
// is as before. Fails as build().
[[nodiscard]] Result<Created> make(const Session& session, const Version& version, Manifest wanted,
                                   const Standing& standing, Sources& sources, Linking linking);

}  // namespace nvhook::volumes
