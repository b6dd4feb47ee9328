// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "nvhook/base/error.hpp"
#include "nvhook/companion/log.hpp"
#include "nvhook/companion/service_manager.hpp"
#include "nvhook/companion/setup.hpp"

namespace nvhook::companion {

// What the main process is given at its start.
struct Beginning {
  Setup setup;
  Inherited inherited;
  ServiceManager manager;
  // Settings and options once more, for SIGHUP.
  std::function<Result<Setup>()> read_again;
};

// The main process: makes the sockets, or has them from systemd, and keeps them; starts a process
// for each and keeps it running; ends in good order at SIGTERM and SIGINT, with the socket's file
// and the .spec file gone, and "Successfully terminated" in the log; at SIGHUP goes on with the
// settings as they are then, if there is nothing wrong with them. Signals are blocked from here on.
//
// As itself (Manner::Ours) it goes on without what it cannot have, and tries again: REST without
// volumes, volumes without REST. As the original, whatever it cannot have ends it, as it did that.
// Fails with E_LISTEN where it can have neither, E_STORE where the store is not safe, and E_KERNEL.
[[nodiscard]] Result<void> supervise(Beginning beginning, const Log& log);

}  // namespace nvhook::companion
