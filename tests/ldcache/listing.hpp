// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace nvhook::test {

// "libx.so.1 => /usr/lib/libx.so.1" of each line "\tlibx.so.1 (libc6,x86-64) => /usr/lib/libx.so.1"
// of what `ldconfig -p` prints.
inline std::vector<std::string> listed(const std::string& listing) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while ((at = listing.find("\n\t", at)) != std::string::npos) {
    at += 2;
    const auto line = listing.substr(at, listing.find('\n', at) - at);
    lines.push_back(line.substr(0, line.find(" (")) + line.substr(line.find(" => ")));
  }
  return lines;
}

}  // namespace nvhook::test
