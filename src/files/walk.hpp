// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::files {

// Opens `path` as openat2(2) does for open_at, on kernels that do not have it (before Linux 5.6):
// one component at a time, each relative to a descriptor of the one before, links read and expanded
// here. The same file or the same error as openat2's, with these exceptions:
//  - a path that is more than 256 directories deep at any moment fails with ENAMETOOLONG;
//  - a link of procfs is followed if it stands in the root of procfs, where all are plain text
//    ("self", "mounts"); any other counts as magic and fails with ELOOP;
//  - the setting fs.protected_symlinks has no say.
// Something that is exchanged while we look at it can make this fail with EAGAIN: the caller tries
// again. Opens existing files only, never truncates: EINVAL. Else fails with the kernel's code.
[[nodiscard]] Result<UniqueFd> walk(int dir, const std::string& path, int flags, Lookup lookup);

}  // namespace nvhook::files
