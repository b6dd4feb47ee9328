// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nvhook {

// Closes every descriptor from `first` on: by close_range(2), and before Linux 5.9 by what
// /proc/self/fd lists. False if neither could be done: nothing may rest on it then.
[[nodiscard]] bool close_from(int first);

}  // namespace nvhook
