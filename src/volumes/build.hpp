// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/volumes/store.hpp"
#include "volumes/manifest.hpp"
#include "volumes/sources.hpp"

namespace nvhook::volumes {

// Whether the driver's files may be linked at all.
enum class Linking : std::uint8_t { Allowed, Never };

struct Built {
  UniqueFd folder;
  Manifest manifest;  // with how each file came
  Created counts;     // without an outcome
};

// Makes the folder `name`, which is not there, in the directory `parent`, and fills it with what
// `wanted` lists: each file as a hard link, where that cannot be made as a clone that shares its
// blocks (FICLONE), else as a copy with the same permissions and times. After a failure the folder
// is there in part. Fails with E_SRC_CHANGED (a file is no longer as `wanted` says), E_SRC_TRUST,
// E_STORE, E_NOSPC, E_KERNEL.
[[nodiscard]] Result<Built> build(int parent, const std::string& name, Manifest wanted,
                                  Sources& sources, Linking linking);

// Does not return before all of it is on disk but the folder's own name. Once everything was made,
// for each wait takes what was made by then with it. Fails with E_STORE, E_NOSPC.
[[nodiscard]] Result<void> put_on_disk(const Built& built);

}  // namespace nvhook::volumes
