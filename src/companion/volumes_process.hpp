// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "channel.hpp"
#include "nvhook/companion/log.hpp"
#include "nvhook/companion/setup.hpp"

namespace nvhook::companion {

// All of the process that is Docker's volume plugin: returns how it ends. It keeps root's name and
// few capabilities, for it makes links to root's files; it has the plugin's socket and no other.
[[nodiscard]] int serve_volumes(Channel channel, const Setup& setup, const Log& log);

}  // namespace nvhook::companion
