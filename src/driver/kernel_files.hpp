// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/procfs_view.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// What such a view of /proc/driver/nvidia needs, read below the open directory that stands for
// /proc, whose path is `proc_path`. Files that the kernel module does not have are left out: they
// came with one version or another. Fails with E_DRIVER_READ.
[[nodiscard]] Result<std::vector<KernelFile>> find_kernel_files(int proc,
                                                                const std::string& proc_path,
                                                                ProcfsView view);

}  // namespace nvhook::driver
