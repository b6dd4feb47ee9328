// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/command.hpp"
#include "support/fake_root.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {

inline constexpr auto kLibraryDirectory = "/usr/lib/x86_64-linux-gnu";
inline constexpr auto kVersion = "550.54.14";  // of the simulated driver

// The options that make nvhook see the simulated host (or another tree) instead of this one.
std::vector<std::string> nvhook_on(const std::filesystem::path& host,
                                   std::vector<std::string> arguments = {});

// A bundle with a small Debian-like root file system of its own, which asks for all GPUs.
class Bundle {
 public:
  Bundle();

  // The root file system. Tests add to it what their image has.
  FakeRoot& root() { return root_; }
  [[nodiscard]] const FakeRoot& root() const { return root_; }
  [[nodiscard]] std::filesystem::path path() const { return bundle_.on_disk(); }
  // config.json, written anew with each call of write().
  nlohmann::json config;
  void write();
  // One more entry of process.env.
  void env(const std::string& entry) { config["process"]["env"].push_back(entry); }

  // Runs the hook for a container, on the simulated host.
  Finished hook(const TestContainer& container, const std::vector<std::string>& more = {});
  // The plan for a container, as JSON; fails the test if there is none.
  nlohmann::json plan(const TestContainer& container);

 private:
  FakeRoot root_;
  FakeRoot bundle_;
};

// One line of mountinfo as a test compares it.
struct MountLine {
  std::string root;     // in the file system
  std::string point;    // below the container's root
  std::string options;  // "ro,nosuid,nodev,relatime" without the last
  auto operator<=>(const MountLine&) const = default;
};
// The mounts whose mount point lies below `rootfs`, without the root's own.
std::vector<MountLine> mounts_below(const std::string& mountinfo,
                                    const std::filesystem::path& rootfs);

}  // namespace nvhook::test
