// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"

namespace nvhook::driver {

// Whether `text` is a version as the driver's file names carry it: "550.54.14", "470.57".
[[nodiscard]] bool is_driver_version(std::string_view text);

// The version in /proc/driver/nvidia/version, whose first line is one of
//   NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024
//   NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build  (...)
[[nodiscard]] std::optional<std::string> version_in_nvrm_line(std::string_view text);

// The version of the loaded kernel module: <sys_root>/module/nvidia/version, else
// <proc_root>/driver/nvidia/version.
// Fails with E_DRIVER_ABSENT (neither is there), E_DRIVER_READ.
[[nodiscard]] Result<std::string> find_version(const std::string& sys_root,
                                               const std::string& proc_root);

}  // namespace nvhook::driver
