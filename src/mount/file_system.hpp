// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::mount {

struct Parameter {
  const char* key;
  const char* value;
};

// A new file system, mounted nowhere yet: fsopen(2). Fails with E_KERNEL.
[[nodiscard]] Result<UniqueFd> make_file_system(const char* type,
                                                std::span<const Parameter> parameters);

}  // namespace nvhook::mount
