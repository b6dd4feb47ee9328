// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "nvhook/base/error.hpp"

namespace nvhook::volumes {

enum class CopyWay : std::uint8_t { Cloned, Copied };

// Makes the file `name`, which is not there, in `directory`: a clone or a copy of what `from` (open
// for reading) has, with its permissions (without setuid and setgid) and times.
// Fails with E_STORE, E_NOSPC.
[[nodiscard]] Result<CopyWay> copy_file(int from, int directory, const std::string& name);

}  // namespace nvhook::volumes
