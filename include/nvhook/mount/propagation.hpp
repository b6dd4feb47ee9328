// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "nvhook/base/error.hpp"

namespace nvhook::mount {

// Whether mounts on the mount that `fd` lies on appear in other mounts, too; nothing where the
// kernel cannot be asked about one mount (before Linux 6.8, or a seccomp filter). The mount must be
// in this process's mount namespace. Fails with E_KERNEL. Source: statmount(2).
[[nodiscard]] Result<std::optional<bool>> is_shared(int fd);

}  // namespace nvhook::mount
