// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

namespace nvhook::companion {

// Makes the directory with those above it, of this mode. What is wrong shows when it is used.
void make_directories(const std::string& path, mode_t mode);

}  // namespace nvhook::companion
