// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "volumes/manifest.hpp"

namespace nvhook::volumes {

// In what the folder `name` in `parent` differs from the list: an entry that is missing, is another
// one, or is none of the list's; one that others than root can change, a folder that not everybody
// can read. Nothing if it is as listed, every linked file being the driver's own. Opens no file.
// Fails with E_STORE.
[[nodiscard]] Result<std::optional<std::string>> difference(int parent, const std::string& name,
                                                            const Manifest& manifest);

}  // namespace nvhook::volumes
