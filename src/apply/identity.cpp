// SPDX-License-Identifier: Apache-2.0
#include "identity.hpp"

#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string>

namespace nvhook::apply {
namespace {

// setfsuid(2) has no error: asking again with an invalid id tells what holds.
bool switch_to(uid_t uid, gid_t gid) {
  constexpr auto kAsk = static_cast<unsigned>(-1);
  ::setfsgid(gid);
  ::setfsuid(uid);
  return static_cast<gid_t>(::setfsgid(kAsk)) == gid && static_cast<uid_t>(::setfsuid(kAsk)) == uid;
}

}  // namespace

Result<void> become_container_root(const container::Process& process) {
  if (container::root_is_ours(process)) return {};
  // The change makes a process as dumpable as /proc/sys/fs/suid_dumpable says, and lets it outlive
  // its parent: commit_creds() in kernel/cred.c.
  int death_signal = 0;
  if (::prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0) != 0 ||
      !switch_to(process.mapped_root, process.mapped_root_group) ||
      ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0)
    return failure(ErrorId::Userns, "cannot act as the container's root, user " +
                                        std::to_string(process.mapped_root));
  return {};
}

}  // namespace nvhook::apply
