// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

namespace nvhook::test {

// The processes that this one has started, and not waited for.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

// Whether it has ended, or does so in a moment; one that was not waited for has ended.
[[nodiscard]] bool ends(pid_t pid);

}  // namespace nvhook::test
