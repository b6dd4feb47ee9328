// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "attack/complaints.hpp"
#include "support/command.hpp"

namespace nvhook::test {

// The ids of the messages on standard error, in their order: "W_LINK_EXISTS", "E_DST_TYPE".
[[nodiscard]] std::vector<std::string> ids_said(const Finished& finished);

// Whether a run ended as docs/messages.md says: with a documented status and not by a signal, one
// error line if it failed and none otherwise, warnings of known ids, in printable ASCII.
[[nodiscard]] Complaints judge_result(const Finished& finished);

// Whether it took at most that long, and 64 MiB of memory. A sanitized program may take more
// memory, and any program longer on a machine that has twice as much to run as processors.
[[nodiscard]] Complaints judge_cost(const Finished& finished, std::chrono::seconds most_wall);

}  // namespace nvhook::test
