// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/rest/facts.hpp"

namespace nvhook::rest {

// What the stand-in of tests/rest/golden said: two Tesla K40m of driver 361.48, the second one
// busy.
[[nodiscard]] Facts two_gpus();
[[nodiscard]] Facts one_gpu();  // the first of them
[[nodiscard]] Facts no_gpu();
// The two, of which nothing is known that a driver may leave unsaid.
[[nodiscard]] Facts silent_gpus();
// The two, the second of which does not answer at all.
[[nodiscard]] Facts lost_gpu();

}  // namespace nvhook::rest
