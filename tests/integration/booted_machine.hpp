// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "support/command.hpp"
#include "support/fake_root.hpp"

namespace nvhook::test {

// Why no machine can be booted here; empty if one can.
std::string machines_unavailable();

// A machine whose init is systemd, with cgroup v2 only: booted by systemd-nspawn from the root of
// kind "systemd" (tests/roots) with a writable layer of its own, in namespaces and a cgroup of its
// own. It is up when the object is there, and ends with it; nothing of it is left.
class BootedMachine {
 public:
  BootedMachine();
  BootedMachine(const BootedMachine&) = delete;
  BootedMachine& operator=(const BootedMachine&) = delete;
  ~BootedMachine();

  // Why the machine has not come up; empty if it has.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  // Runs a program of the machine's to its end, as root there.
  [[nodiscard]] Finished run(const std::vector<std::string>& arguments,
                             std::string_view input = {}) const;
  // The same of a script.
  [[nodiscard]] Finished sh(const std::string& script) const { return run({"sh", "-c", script}); }

  // Where a path of the machine's lies for this process, if no link on the way is absolute.
  [[nodiscard]] std::filesystem::path file(const std::filesystem::path& path) const;
  // systemd, as this process numbers it.
  [[nodiscard]] pid_t init() const { return init_; }
  // The directory of the cgroup that is the topmost one in the machine.
  [[nodiscard]] std::filesystem::path cgroup() const { return cgroup_ / "payload"; }
  // Copies a file or a tree into the machine; `to` is the name of the copy.
  void copy_in(const std::filesystem::path& from, const std::filesystem::path& to) const;
  // Copies a program, and of the shared libraries that it needs those that the machine lacks: a
  // sanitized one has some.
  void copy_in_program(const std::filesystem::path& from, const std::filesystem::path& to) const;

 private:
  void boot();
  [[noreturn]] void become_nspawn() const;
  bool wait_until_up();

  FakeRoot scratch_;
  std::filesystem::path cgroup_;
  pid_t nspawn_ = -1;
  pid_t init_ = -1;
  std::string trouble_;
};

}  // namespace nvhook::test
