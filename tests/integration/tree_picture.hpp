// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace nvhook::test {

// All that a directory tree is made of, by name as it looks inside ("/etc/passwd"): type, mode and
// owners, a device's number, the text of a link, the hash of a file's bytes.
using TreePicture = std::map<std::string, std::string>;

TreePicture picture_of(const std::filesystem::path& top);

// What is other in the second: a line for each name, with what was and what is.
std::vector<std::string> differences(const TreePicture& before, const TreePicture& after);

}  // namespace nvhook::test
