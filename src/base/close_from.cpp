// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/close_from.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

namespace nvhook {
namespace {

// The numbers in /proc/self/fd. Nothing unless it is ours: it has `listing` among them then, the
// descriptor that reads it.
std::vector<int> open_descriptors(DIR* listing) {
  std::vector<int> numbers;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    int number = -1;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) numbers.push_back(number);
  }
  if (std::ranges::find(numbers, ::dirfd(listing)) == numbers.end()) numbers.clear();
  return numbers;
}

}  // namespace

bool close_from(int first) {
  if (::close_range(static_cast<unsigned>(first), ~0U, 0) == 0) return true;
  DIR* listing = ::opendir("/proc/self/fd");
  if (listing == nullptr) return false;
  // All are listed before one is closed, for closing moves the listing on.
  const auto numbers = open_descriptors(listing);
  const int own = ::dirfd(listing);
  for (const int number : numbers)
    if (number >= first && number != own) ::close(number);
  ::closedir(listing);
  return !numbers.empty();
}

}  // namespace nvhook
