// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "backoff.hpp"
#include "nvhook/http/server.hpp"

namespace nvhook::companion {

// How long requests that run may go on when the end is wanted.
inline constexpr std::chrono::seconds kToFinish{5};

// Waits until one of the descriptors can be read, or the server wants to run.
void wait_for(std::span<const int> descriptors, const http::Server& server);

// Whether there is something to read, or the other end is closed.
[[nodiscard]] bool is_readable(int fd);

// No new requests; those that run are answered, up to kToFinish. `meanwhile` is called between.
template <class Meanwhile>
void finish(http::Server& server, std::span<const int> descriptors, const Meanwhile& meanwhile) {
  server.stop_accepting();
  for (const auto end = Clock::now() + kToFinish; !server.idle() && Clock::now() < end;) {
    wait_for(descriptors, server);
    meanwhile();
    server.run();
  }
}

}  // namespace nvhook::companion
