// SPDX-License-Identifier: Apache-2.0
#include "nvhook/sandbox/confine.hpp"

#include <sys/prctl.h>

#include "capabilities.hpp"
#include "filter.hpp"

namespace nvhook::sandbox {

Result<void> confine_to_telling() {
  if (auto done = bequeath_no_capabilities(); !done) return done;
  if (auto done = hold_capabilities(0, 0); !done) return done;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return system_failure(ErrorId::Kernel, "set no_new_privs");
  if (const auto loaded = load(Filter::Tell); !loaded) return std::unexpected(loaded.error());
  return {};
}

}  // namespace nvhook::sandbox
