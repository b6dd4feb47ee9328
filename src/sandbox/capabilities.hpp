// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/capability.h>

#include <cstdint>
#include <initializer_list>

#include "nvhook/base/error.hpp"

namespace nvhook::sandbox {

// Capabilities of the kernel's, a bit each (capabilities(7); those of a driver are another matter).
using CapabilitySet = std::uint64_t;

[[nodiscard]] constexpr CapabilitySet set_of(std::initializer_list<cap_value_t> members) {
  CapabilitySet set = 0;
  for (const auto member : members) set |= CapabilitySet{1} << static_cast<unsigned>(member);
  return set;
}

// What this process may make effective. Fails with E_KERNEL.
[[nodiscard]] Result<CapabilitySet> permitted_capabilities();

// Makes these the process's sets, and the inheritable one empty. What is left out of `permitted` is
// lost for good. `effective` must lie in `permitted`, and that in what is permitted now.
// Fails with E_KERNEL.
[[nodiscard]] Result<void> hold_capabilities(CapabilitySet permitted, CapabilitySet effective);

// Empties the sets that a program which this process executed would draw from: ambient and
// bounding. The latter needs CAP_SETPCAP; a process without it has nothing to give away that
// no_new_privs does not keep back. Fails with E_KERNEL.
[[nodiscard]] Result<void> bequeath_no_capabilities();

}  // namespace nvhook::sandbox
