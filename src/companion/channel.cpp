// SPDX-License-Identifier: Apache-2.0
#include "channel.hpp"

#include <sys/socket.h>

namespace nvhook::companion {

void say_ready(const Channel& channel) {
  constexpr char kReady = 'r';
  [[maybe_unused]] const auto sent = ::send(channel.parent.get(), &kReady, 1, MSG_NOSIGNAL);
}

}  // namespace nvhook::companion
