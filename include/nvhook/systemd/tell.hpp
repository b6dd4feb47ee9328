// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/systemd/manager.hpp"
#include "nvhook/systemd/order.hpp"

namespace nvhook::systemd {

// Has systemd keep the scope's processes the nodes of the order, whatever makes it set up the
// scope's devices again; says what became of it. `transient` is the folder of open_transient().
//
// A scope whose devices systemd leaves alone is left alone: one entry on its list would make it
// forbid everything else. For others systemd is asked; where it does not answer in time a drop-in
// says the same at its next reload, and the outcome is Failed all the same, for it may be too late
// then.
[[nodiscard]] Answer tell(const Order& order, int transient, Manager& manager,
                          Clock::time_point deadline);

}  // namespace nvhook::systemd
