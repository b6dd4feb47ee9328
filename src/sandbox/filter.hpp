// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>

#include "nvhook/base/error.hpp"

namespace nvhook::sandbox {

// Lists of system calls (calls.cpp). Any other call ends the process by SIGSYS.
enum class Filter : std::uint8_t {
  Parser,   // of the parser child
  Prepare,  // of the main process until it has entered the container
  Place,    // from then on; it has nothing that Prepare lacks
  Sweep,    // of the main process when a container is no more
  Tell,     // of nvhook-systemd
  Rest,     // of nvhook-companion's process for the REST API
  Volumes,  // of its process for the volume plugin
};

// Sanitizers and gcov make calls of their own in the process that they look at.
enum class Build : std::uint8_t { Plain, Instrumented };

// What the kernel is given for a filter. Static.
[[nodiscard]] std::span<const sock_filter> program_of(Filter filter, Build build);

enum class Loaded : std::uint8_t { Yes, KernelHasNone };

// Restricts this process and those that it forks, for good and beside filters that it has already.
// no_new_privs must be set. Fails with E_KERNEL.
[[nodiscard]] Result<Loaded> load(Filter filter);

}  // namespace nvhook::sandbox
