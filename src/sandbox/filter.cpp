// SPDX-License-Identifier: Apache-2.0
#include "filter.hpp"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "filter_programs.hpp"
#include "instrumented.hpp"

namespace nvhook::sandbox {
std::span<const sock_filter> program_of(Filter filter, Build build) {
  const bool plain = build == Build::Plain;
  switch (filter) {
    case Filter::Parser:
      return plain ? std::span<const sock_filter>(kParser) : kParserInstrumented;
    case Filter::Prepare:
      return plain ? std::span<const sock_filter>(kPrepare) : kPrepareInstrumented;
    case Filter::Place:
      return plain ? std::span<const sock_filter>(kPlace) : kPlaceInstrumented;
    case Filter::Sweep:
      return plain ? std::span<const sock_filter>(kSweep) : kSweepInstrumented;
    case Filter::Tell:
      return plain ? std::span<const sock_filter>(kTell) : kTellInstrumented;
    case Filter::Rest:
      return plain ? std::span<const sock_filter>(kRest) : kRestInstrumented;
    case Filter::Volumes:
      return plain ? std::span<const sock_filter>(kVolumes) : kVolumesInstrumented;
  }
  std::abort();  // every enumerator is handled above
}

Result<Loaded> load(Filter filter) {
  const auto program = program_of(filter, kInstrumented ? Build::Instrumented : Build::Plain);
  // The kernel copies it.
  const sock_fprog all{.len = static_cast<unsigned short>(program.size()),
                       .filter = const_cast<sock_filter*>(program.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &all) == 0) return Loaded::Yes;
  // ENOSYS before Linux 3.17 and without CONFIG_SECCOMP, EINVAL without CONFIG_SECCOMP_FILTER:
  // seccomp(2). EPERM or EACCES would be somebody's doing and not the kernel's lack.
  if (errno == ENOSYS || errno == EINVAL) return Loaded::KernelHasNone;
  return system_failure(ErrorId::Kernel, "restrict the system calls (seccomp)");
}

}  // namespace nvhook::sandbox
