// SPDX-License-Identifier: Apache-2.0
#include "integration/bundle.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace nvhook::test {

std::vector<std::string> nvhook_on(const std::filesystem::path& host,
                                   std::vector<std::string> arguments) {
  std::vector<std::string> all = {
      NVHOOK_PROGRAM, "--driver-root",          host,         "--dev-root",           host,
      "--proc-root",  (host / "proc").string(), "--sys-root", (host / "sys").string()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Bundle::Bundle() {
  root_.directory("/proc").directory("/dev").directory("/usr/bin").directory(kLibraryDirectory);
  root_.file("/etc/debian_version", "12.0\n");
  // The machine's own loader: what an image of this machine would have.
  root_.directory("/lib64");
  std::filesystem::copy_file("/lib64/ld-linux-x86-64.so.2",
                             root_.on_disk("/lib64/ld-linux-x86-64.so.2"));
  config = {{"ociVersion", "1.0.2"},
            {"root", {{"path", root_.on_disk().string()}}},
            {"process", {{"env", {"PATH=/bin", "NVIDIA_VISIBLE_DEVICES=all"}}}},
            {"mounts", {{{"destination", "/dev"}, {"type", "tmpfs"}, {"source", "tmpfs"}}}}};
  write();
}

void Bundle::write() { bundle_.file("/config.json", config.dump()); }

Finished Bundle::hook(const TestContainer& container, const std::vector<std::string>& more) {
  write();
  return run(nvhook_on(NVHOOK_SIMULATED_HOST, more), container.state(path()));
}

nlohmann::json Bundle::plan(const TestContainer& container) {
  const auto finished = hook(container, {"--dry-run", "--format", "json"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  return nlohmann::json::parse(finished.out, nullptr, false);
}

std::vector<MountLine> mounts_below(const std::string& mountinfo,
                                    const std::filesystem::path& rootfs) {
  std::vector<MountLine> lines;
  std::istringstream in(mountinfo);
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string skipped;
    MountLine mount;
    fields >> skipped >> skipped >> skipped >> mount.root >> mount.point >> mount.options;
    const auto prefix = rootfs.string() + "/";
    if (!mount.point.starts_with(prefix)) continue;
    mount.point.erase(0, prefix.size() - 1);
    if (const auto relatime = mount.options.find(",relatime"); relatime != std::string::npos)
      mount.options.erase(relatime);
    lines.push_back(std::move(mount));
  }
  return lines;
}

}  // namespace nvhook::test
