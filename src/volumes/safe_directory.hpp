// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

// Directories that nobody can change but root and the owner of this process.
namespace nvhook::volumes {

// Whether it is root's or this process's owner's, and neither group nor others may write.
[[nodiscard]] bool is_ours_alone(const struct stat& status);

enum class Missing : std::uint8_t { Make, Fail };

// Opens the directory `path`, absolute and clean, for reading. Neither it nor any directory above
// it may be one that others can change or exchange; a link on the way must be root's, and it itself
// is none. It must not lie on a noexec mount. With Make what is missing is made, mode 0755. Fails
// with E_STORE, E_NOSPC; with the code ENOENT if it is not there.
[[nodiscard]] Result<UniqueFd> open_safe(const std::string& path, Missing missing);

// Opens the directory `name` in such a one, which must be no link and ours alone; with Make it is
// made with `mode`. Fails likewise.
[[nodiscard]] Result<UniqueFd> open_safe_at(int parent, const std::string& name, Missing missing,
                                            mode_t mode);

}  // namespace nvhook::volumes
