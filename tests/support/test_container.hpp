// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/bpf.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {

// A container as it is when a runtime runs its prestart hooks, without a runtime: a waiting process
// in a mount namespace of its own, the root file system bound onto itself there with a tmpfs at
// /dev and a procfs at /proc, and a v1 device cgroup with the rules that runc gives. Ends with the
// object. Needs root.
class TestContainer {
 public:
  // Tmpfs and Procfs: as a runtime mounts them. Image: whatever the image has at that name.
  enum class Dev { Tmpfs, Image };
  enum class Proc { Procfs, Image };
  // Of the mounts that the container has from this host.
  enum class Propagation { Private, Slave, Shared };
  struct IdRange {
    unsigned inside;
    unsigned outside;
    unsigned count;
  };
  // The lines of uid_map and gid_map. The container's process is their 0, where they have it.
  struct UserNamespace {
    std::vector<IdRange> users;
    std::vector<IdRange> groups;
    // 0 is `first`, and so on.
    static UserNamespace from(unsigned first, unsigned count) {
      return {{{0, first, count}}, {{0, first, count}}};
    }
  };
  // A cgroup below /sys/fs/cgroup, which must be of cgroup v2 then, with these device programs.
  struct V2 {
    std::vector<std::vector<bpf_insn>> programs;
    std::uint32_t flags = BPF_F_ALLOW_MULTI;  // they are attached with
  };
  struct Options {
    Dev dev = Dev::Tmpfs;
    Proc proc = Proc::Procfs;
    Propagation propagation = Propagation::Private;
    // Of the root's mount: MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC of mount(2).
    unsigned long root_flags = 0;
    // With one, the mounts are its own, and a pid namespace belongs to it: only the owner of a pid
    // namespace may mount its procfs.
    std::optional<UserNamespace> user_namespace = std::nullopt;
    bool pid_namespace = false;
    // Further bind mounts: host path and path inside the root.
    std::vector<std::pair<std::string, std::string>> volumes = {};
    // Instead of one of v1.
    std::optional<V2> v2 = std::nullopt;
    // What the name of the cgroup's directory begins with.
    std::string cgroup_name = "nvhook-test-";
    // What else is to be done in the container's process, last, with the path of its root. A result
    // other than 0 is a failure, with errno.
    std::function<int(const std::filesystem::path&)> further = {};
  };

  // `rootfs` and its directories dev and proc must exist, where they are mounted on.
  explicit TestContainer(const std::filesystem::path& rootfs);
  TestContainer(const std::filesystem::path& rootfs, const Options& options);
  TestContainer(const TestContainer&) = delete;
  TestContainer& operator=(const TestContainer&) = delete;
  ~TestContainer();

  // Why no such container can be made on this machine; empty if it can.
  [[nodiscard]] static std::string unavailable();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::filesystem::path& rootfs() const { return rootfs_; }
  [[nodiscard]] const std::filesystem::path& cgroup() const { return cgroup_; }
  // The state as runc writes it for a bundle.
  [[nodiscard]] std::string state(const std::filesystem::path& bundle) const;
  // A path inside the root, as a test can open it.
  [[nodiscard]] std::filesystem::path inside(std::string_view path) const;
  [[nodiscard]] std::string mountinfo() const;
  [[nodiscard]] bool is_on_v2() const { return on_v2_; }
  // v1: the text of devices.list. v2: the attached programs, as text_of_device_programs() has them.
  [[nodiscard]] std::string device_rules() const;
  // Whether the cgroup lets a character device be opened for reading and writing. Of v1 only a rule
  // for this very device counts.
  [[nodiscard]] bool may_use(unsigned major, unsigned minor) const;
  // Mounts, device rules, and every name in the root with type, mode, size and link text, a line
  // each; nothing of procfs and sysfs.
  [[nodiscard]] std::vector<std::string> snapshot() const;
  // What is not as in an earlier snapshot: lines gone with "-", new ones with "+". Empty means that
  // nothing was done.
  [[nodiscard]] std::string changes_since(const std::vector<std::string>& before) const;

  // Goes on as a runtime does: the process makes the root its own and executes a program of the
  // host, static, with all capabilities of its user namespace. What that writes to its standard
  // output until it ends. Once only; afterwards the container has no process any more.
  std::string start(const std::vector<std::string>& command);

 private:
  void end_process();

  std::filesystem::path rootfs_;
  std::filesystem::path cgroup_;
  bool on_v2_ = false;
  UniqueFd control_;  // what start() sends goes there, what the program writes comes back
  pid_t pid_ = -1;
};

}  // namespace nvhook::test
