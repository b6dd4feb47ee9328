// SPDX-License-Identifier: Apache-2.0
#include "nvhook/sandbox/phases.hpp"

#include <sys/prctl.h>

#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "capabilities.hpp"
#include "filter.hpp"

namespace nvhook::sandbox {
namespace {

struct Row {
  Phase phase;
  CapabilitySet needs;
  std::optional<Filter> filter;  // loaded when the phase begins
};

constexpr auto kIdentity = set_of({CAP_SETUID, CAP_SETGID});

// The reasons are in the header.
constexpr std::array kRows = {
    Row{Phase::Request, 0, Filter::Prepare},
    Row{Phase::Pin, set_of({CAP_SYS_PTRACE, CAP_DAC_OVERRIDE}), {}},
    Row{Phase::Discover, 0, {}},
    Row{Phase::Survey, set_of({CAP_DAC_OVERRIDE}), {}},
    Row{Phase::Capture, set_of({CAP_SYS_ADMIN}), {}},
    Row{Phase::Enter, set_of({CAP_SYS_ADMIN, CAP_SYS_CHROOT}) | kIdentity, {}},
    Row{Phase::Place, set_of({CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_DAC_OVERRIDE}), Filter::Place},
};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (std::to_underlying(kRows[i].phase) != i) return false;
  return true;
}
static_assert(in_enum_order());
static_assert(kRows.size() == std::to_underlying(Phase::Place) + 1U);

constexpr Phase kLastOfDryRun = Phase::Survey;

const Row& row_of(Phase phase) { return kRows[std::to_underlying(phase)]; }

}  // namespace

// What the phase needs of what this run may need at all.
CapabilitySet Phases::needs(Phase phase) const {
  if (course_ == Course::DryRun && phase > kLastOfDryRun) return 0;
  const auto needs = row_of(phase).needs;
  return (stays_ourselves_ ? needs & ~kIdentity : needs) & had_;
}

Result<void> Phases::hold(Phase phase, CapabilitySet effective) const {
  CapabilitySet permitted = 0;
  for (const auto& row : kRows)
    if (row.phase >= phase) permitted |= needs(row.phase);
  if (phase == Phase::Request && expects_program_) permitted |= kIdentity & had_;
  return hold_capabilities(permitted, effective);
}

Result<void> Phases::shed() {
  if (auto done = bequeath_no_capabilities(); !done) return done;
  const auto had = permitted_capabilities();
  if (!had) return std::unexpected(had.error());
  had_ = *had;
  if (auto done = hold(Phase::Request, 0); !done) return done;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return system_failure(ErrorId::Kernel, "set no_new_privs");
  return {};
}

Result<void> Phases::begin(Phase phase) {
  if (auto done = hold(phase, needs(phase)); !done) return done;
  phase_ = phase;
  if (phase == Phase::Request && expects_program_) return {};
  const bool is_late = std::exchange(expects_program_, false);
  const auto filter = is_late ? row_of(Phase::Request).filter : row_of(phase).filter;
  if (!filter) return {};
  const auto loaded = load(*filter);
  if (!loaded) return std::unexpected(loaded.error());
  filtered_ = *loaded == Loaded::Yes;
  return {};
}

Result<void> Phases::pause() { return hold(phase_, 0); }

}  // namespace nvhook::sandbox
