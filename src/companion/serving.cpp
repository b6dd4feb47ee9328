// SPDX-License-Identifier: Apache-2.0
#include "serving.hpp"

#include <poll.h>

#include <algorithm>
#include <array>

namespace nvhook::companion {
namespace {

constexpr std::chrono::milliseconds kLongest{1000};

}  // namespace

void wait_for(std::span<const int> descriptors, const http::Server& server) {
  std::array<pollfd, 4> all{};
  std::size_t count = 0;
  all[count++] = {.fd = server.poll_fd(), .events = POLLIN, .revents = 0};
  for (const int fd : descriptors.first(std::min(descriptors.size(), all.size() - 1)))
    all[count++] = {.fd = fd, .events = POLLIN, .revents = 0};
  const auto timeout = server.timeout();
  const int longest = timeout ? static_cast<int>(std::min(*timeout, kLongest).count()) : -1;
  ::poll(all.data(), count, longest);
}

bool is_readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

}  // namespace nvhook::companion
