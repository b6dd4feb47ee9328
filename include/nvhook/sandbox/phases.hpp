// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "nvhook/base/error.hpp"

namespace nvhook::sandbox {

// What a run does, in this order, and the capabilities that are effective meanwhile. A phase holds
// permitted what it and the phases after it need, so what only earlier ones needed is gone for
// good. A process that starts with less works with what it has.
enum class Phase : std::uint8_t {
  // Settings and the parser's records are read: none. Filter::Prepare is loaded.
  Request,
  // SYS_PTRACE, for a container's first process is not dumpable, and its namespaces and root are
  // shown to nobody else. DAC_OVERRIDE, for the way to its root may lead through directories of
  // other users, as a bundle in somebody's home does.
  Pin,
  // The driver is the host's, and readable for everybody: none.
  Discover,
  // DAC_OVERRIDE, for an image may have directories that only their owner may search. Not
  // DAC_READ_SEARCH: that would do for looking, but placing needs the other one anyway, and this
  // one opens files by number (open_by_handle_at(2)), past every directory.
  Survey,
  // SYS_ADMIN, for open_tree(2) and mount_setattr(2). None in a dry run, which looks only.
  Capture,
  // SYS_ADMIN and SYS_CHROOT, for setns(2). SETUID and SETGID, to act as the container's root,
  // unless it is our own user.
  Enter,
  // SYS_ADMIN, for move_mount(2), umount2(2) and the device cgroup. NET_ADMIN, without which
  // kernels before 6.9 show nobody which device programs are attached; of the network's own calls
  // the filter has none. DAC_OVERRIDE, to make mountpoints in directories without write permission,
  // as /usr/lib64 is on RHEL. Filter::Place is loaded.
  Place,
};

// A dry run needs nothing after Survey.
enum class Course : std::uint8_t { DryRun, Hook };

// The privileges of the main process on its way through the phases. Single-threaded processes only:
// each thread has capabilities and filters of its own.
class Phases {
 public:
  explicit Phases(Course course) : course_(course) {}

  // To be called once, before another process is forked and anything of a container's is read:
  // gives up all capabilities but those of the course, leaves none to programs executed, and sets
  // no_new_privs. None is effective until a phase begins. Fails with E_KERNEL.
  [[nodiscard]] Result<void> shed();

  // Begins a phase; phases may be left out, but not begun again, unless it was paused. Fails with
  // E_KERNEL.
  [[nodiscard]] Result<void> begin(Phase phase);

  // Nothing is effective until the phase is begun again, or a later one. Fails with E_KERNEL.
  [[nodiscard]] Result<void> pause();

  // To be called before shed(): a program may have to be started, as another user, when the request
  // is known. Until the phase after Request the filter, which forbids that, is not loaded, and
  // SETUID and SETGID stay permitted.
  void expect_program() { expects_program_ = true; }
  // Whether one can still be started.
  [[nodiscard]] bool expects_program() const { return expects_program_; }

  // The container's root is our own user: nobody else's identity will be taken on.
  void stay_ourselves() { stays_ourselves_ = true; }

  // Whether the kernel has filters; known from Phase::Pin on.
  [[nodiscard]] bool filtered() const { return filtered_; }

 private:
  using CapabilitySet = std::uint64_t;  // src/sandbox/capabilities.hpp
  [[nodiscard]] CapabilitySet needs(Phase phase) const;
  [[nodiscard]] Result<void> hold(Phase phase, CapabilitySet effective) const;

  Course course_;
  CapabilitySet had_ = 0;  // permitted before anything was shed
  bool stays_ourselves_ = false;
  bool filtered_ = false;
  bool expects_program_ = false;
  Phase phase_ = Phase::Request;
};

}  // namespace nvhook::sandbox
