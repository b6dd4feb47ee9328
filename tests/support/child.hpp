// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace nvhook::test {

// What `speak` returns in a forked child, at most 4096 bytes of it: for what a process does to
// itself for good. "ended by ..." if it does not come to its end.
[[nodiscard]] std::string said_by_child(const std::function<std::string()>& speak);

}  // namespace nvhook::test
