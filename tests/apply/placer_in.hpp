// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "apply/place.hpp"
#include "apply/undo.hpp"
#include "support/own_mounts.hpp"
#include "support/tiers.hpp"

namespace nvhook::apply {

// A placer in an image that tests arrange, with what each kind of kernel has.
class PlacerIn : public test::OwnMounts, public ::testing::WithParamInterface<mount::Tier> {
 protected:
  void SetUp() override {
    OwnMounts::SetUp();
    if (IsSkipped()) return;
    ::umask(0);  // as the hook has it
    host_.file("/library", "ours");
  }

  void TearDown() override {
    placer_.reset();
    rootfs_ = {};
    OwnMounts::TearDown();
  }

  // The placer, once the image is as the test wants it.
  Placer& placer() {
    if (placer_) return *placer_;
    auto rootfs = container::open_rootfs_on_host(path("/"));
    EXPECT_TRUE(rootfs) << rootfs.error().text();
    if (rootfs) rootfs_ = std::move(*rootfs);
    return placer_.emplace(rootfs_, undo_, fds_.get(), tree_);
  }

  Result<void> place_mount(const std::string& target) {
    auto source = test::source_of(GetParam(), host_.on_disk("/library"), kFileMount);
    if (!source) return std::unexpected(std::move(source).error());
    return placer().place_mount(std::move(*source), {target});
  }

  Result<void> place_link(const std::string& at, const std::string& target,
                          std::optional<std::string> replaces = std::nullopt) {
    return placer().place_link({{at}, target, std::move(replaces)});
  }

  [[nodiscard]] UniqueFd open_directory(std::string_view inside) const {
    return UniqueFd(::open(path(inside).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  [[nodiscard]] std::string content(std::string_view inside) const {
    std::ostringstream text;
    text << std::ifstream(path(inside)).rdbuf();
    return text.str();
  }

  [[nodiscard]] mode_t mode(std::string_view inside) const {
    struct stat status {};
    return ::lstat(path(inside).c_str(), &status) == 0 ? status.st_mode : 0;
  }

  // Mounts, and each name in the root with its mode and link text: equal means untouched.
  [[nodiscard]] std::string snapshot() const {
    std::vector<std::string> lines;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path("/"))) {
      const auto name = entry.path().lexically_relative(path("/")).string();
      auto line = name + " " + std::to_string(mode("/" + name));
      if (entry.is_symlink()) line += " -> " + std::filesystem::read_symlink(entry.path()).string();
      lines.push_back(std::move(line));
    }
    std::ranges::sort(lines);
    auto text = mountinfo();
    for (const auto& line : lines) text += line + "\n";
    return text;
  }

  test::FakeRoot host_;
  UniqueFd fds_{::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  container::Rootfs rootfs_;
  Undo undo_{fds_.get()};
  std::optional<ContainerPath> tree_;  // of the plan
  std::optional<Placer> placer_;
};

}  // namespace nvhook::apply
