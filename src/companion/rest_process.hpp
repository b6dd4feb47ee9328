// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "channel.hpp"
#include "nvhook/companion/log.hpp"
#include "nvhook/companion/setup.hpp"

namespace nvhook::companion {

// All of the process that serves the REST API, which is nobody and can do little: returns how it
// ends. Looks at the driver, has nvhook-nvml started, gives up its privileges, and serves until the
// parent wants it to finish or the driver is another one. Values are asked for when a client wants
// some. Where there is no driver it says so to clients, and looks again when it is asked.
[[nodiscard]] int serve_rest(Channel channel, const Setup& setup, const Log& log);

}  // namespace nvhook::companion
