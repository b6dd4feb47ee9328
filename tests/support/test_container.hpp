// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nvhook::test {

// A container as it is when a runtime runs its prestart hooks, without a runtime: a waiting process
// in a mount namespace of its own, the root file system bound onto itself there with a tmpfs at
// /dev and a procfs at /proc, and a v1 device cgroup with the rules that runc gives. Ends with the
// object. Needs root.
class TestContainer {
 public:
  enum class Dev { Tmpfs, Image };
  enum class Propagation { Private, Shared };
  struct Options {
    Dev dev = Dev::Tmpfs;
    Propagation propagation = Propagation::Private;
    // Further bind mounts, made last: host path and path inside the root.
    std::vector<std::pair<std::string, std::string>> volumes = {};
  };

  // `rootfs` and its directories dev and proc must exist.
  explicit TestContainer(const std::filesystem::path& rootfs);
  TestContainer(const std::filesystem::path& rootfs, const Options& options);
  TestContainer(const TestContainer&) = delete;
  TestContainer& operator=(const TestContainer&) = delete;
  ~TestContainer();

  // Why no such container can be made on this machine; empty if it can.
  [[nodiscard]] static std::string unavailable();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // The state as runc writes it for a bundle.
  [[nodiscard]] std::string state(const std::filesystem::path& bundle) const;
  // A path inside the root, as a test can open it.
  [[nodiscard]] std::filesystem::path inside(std::string_view path) const;
  [[nodiscard]] std::string mountinfo() const;
  [[nodiscard]] std::string device_rules() const;
  // Mounts, device rules, and every name in the root with type, mode, size and link text, a line
  // each.
  [[nodiscard]] std::vector<std::string> snapshot() const;
  // What is not as in an earlier snapshot: lines gone with "-", new ones with "+". Empty means that
  // nothing was done.
  [[nodiscard]] std::string changes_since(const std::vector<std::string>& before) const;

 private:
  std::filesystem::path rootfs_;
  std::filesystem::path cgroup_;
  pid_t pid_ = -1;
};

}  // namespace nvhook::test
