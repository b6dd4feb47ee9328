// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/base/error.hpp"
#include "volumes/manifest.hpp"

namespace nvhook::volumes {

enum class Gone : std::uint8_t {
  All,
  NotAll,  // something was in it that is none of ours: it stands there still, with what it lies in
};

// Unlinks what the list says from the folder `name` in `own`, and what is empty then. Follows no
// link, and unlinks nothing else. It is fine if part of it is gone already. Fails with E_STORE.
[[nodiscard]] Result<Gone> dismantle(int own, const std::string& name, const Manifest& manifest);

// Likewise everything that is in it, of a folder that was never seen by anybody: one that was not
// finished. At most one level deep, as they are built. Fails with E_STORE.
[[nodiscard]] Result<Gone> dismantle_unfinished(int own, const std::string& name);

}  // namespace nvhook::volumes
