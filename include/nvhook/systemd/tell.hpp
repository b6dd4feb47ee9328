// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/systemd/manager.hpp"
#include "nvhook/systemd/order.hpp"

namespace nvhook::systemd {

// Has systemd keep the scope's processes the nodes of the order, whatever makes it set up the
// scope's devices again; says what became of it. `transient` is the folder of open_transient().
//
// A scope whose devices systemd leaves alone is left alone: one entry on its list would make it
// forbid everything else. For others a drop-in says it first, for systemd's next reload, should
// this process be killed or systemd not answer in time; then systemd is asked. Once it knows, the
// drop-in goes: systemd has one of its own by then. Otherwise it stays, and the outcome is Failed
// all the same, for the next reload may be too late.
[[nodiscard]] Answer tell(const Order& order, int transient, Manager& manager,
                          Clock::time_point deadline);

}  // namespace nvhook::systemd
