// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keys.hpp"
#include "nvhook/config/settings.hpp"

namespace nvhook::config {

// Who made the key's setting: the last that did; null for a default.
[[nodiscard]] const Given* giver_of(const Key& key, const Parsed& effective);

}  // namespace nvhook::config
