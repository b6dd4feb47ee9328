// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "nvhook/base/error.hpp"

namespace nvhook::mount {

// What this kernel mounts by.
enum class Tier : std::uint8_t {
  Detached,  // open_tree, move_mount (Linux 5.2) and mount_setattr (5.12)
  Classic,   // mount(2) alone
};

// Asks the kernel, by calls that are wrong in themselves and name no file, so that nothing which a
// file system does can change the answer: a call that is there says EINVAL, one that is not ENOSYS.
// One that is forbidden (EPERM) is not taken for absent: fails with E_KERNEL.
[[nodiscard]] Result<Tier> find_tier();

}  // namespace nvhook::mount
