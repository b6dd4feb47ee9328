// SPDX-License-Identifier: Apache-2.0
#include "nvhook/sandbox/confine.hpp"

#include <sys/prctl.h>

#include "capabilities.hpp"
#include "filter.hpp"

namespace nvhook::sandbox {

namespace {

Result<void> confine(CapabilitySet capabilities, Filter filter) {
  if (auto done = bequeath_no_capabilities(); !done) return done;
  const auto had = permitted_capabilities();
  if (!had) return std::unexpected(had.error());
  const auto kept = capabilities & *had;
  if (auto done = hold_capabilities(kept, kept); !done) return done;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return system_failure(ErrorId::Kernel, "set no_new_privs");
  if (const auto loaded = load(filter); !loaded) return std::unexpected(loaded.error());
  return {};
}

}  // namespace

Result<void> confine_to_telling() { return confine(0, Filter::Tell); }

Result<void> confine_to_sweeping() {
  return confine(set_of({CAP_DAC_OVERRIDE, CAP_CHOWN}), Filter::Sweep);
}

}  // namespace nvhook::sandbox
