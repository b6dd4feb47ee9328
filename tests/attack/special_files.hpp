// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace nvhook::test {

// Something that an image may have where a plain file is due.
struct Thing {
  const char* what;
  std::function<int(const std::string&)> make;  // there; 0, or -1 with errno
};

// What is neither a plain file nor a directory nor a link.
[[nodiscard]] const std::vector<Thing>& special_files();

}  // namespace nvhook::test
