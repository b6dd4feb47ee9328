// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/config/settings.hpp"
#include "nvhook/driver/discover.hpp"

namespace nvhook {

// Where the driver is to be looked for.
[[nodiscard]] driver::Where where_of(const config::Settings& settings);

}  // namespace nvhook
