// SPDX-License-Identifier: Apache-2.0
#include "nvhook/sandbox/confine.hpp"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

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

// The kernel's overflow id, which owns nothing.
constexpr uid_t kNobody = 65534;

// Not fatal where the ids are not to be had: it is a matter of what else goes by our name.
Result<void> change_user(CapabilitySet had) {
  const auto needed = set_of({CAP_SETUID, CAP_SETGID});
  if ((had & needed) != needed) return {};
  if (auto done = hold_capabilities(needed, needed); !done) return done;
  if (::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0)
    (void)!::setresuid(kNobody, kNobody, kNobody);
  return {};
}

}  // namespace

Result<void> become_nobody() {
  const auto had = permitted_capabilities();
  if (!had) return std::unexpected(had.error());
  if (auto done = bequeath_no_capabilities(); !done) return done;
  if (auto done = change_user(*had); !done) return done;
  if (auto done = hold_capabilities(0, 0); !done) return done;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return system_failure(ErrorId::Kernel, "set no_new_privs");
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return system_failure(ErrorId::Kernel, "setrlimit");
  return {};
}

Result<void> confine_to_telling() { return confine(0, Filter::Tell); }

Result<void> confine_to_rest() {
  if (auto done = become_nobody(); !done) return done;
  // Which a change of users may have undone: nobody's other processes are not to look into this
  // one.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return system_failure(ErrorId::Kernel, "set not dumpable");
  if (const auto loaded = load(Filter::Rest); !loaded) return std::unexpected(loaded.error());
  return {};
}

Result<void> confine_to_volumes() {
  return confine(set_of({CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_CHOWN}), Filter::Volumes);
}

Result<void> confine_to_sweeping() {
  return confine(set_of({CAP_DAC_OVERRIDE, CAP_CHOWN}), Filter::Sweep);
}

}  // namespace nvhook::sandbox
