// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nvhook/plan/make_plan.hpp"
#include "plan/samples.hpp"

// What the tests of make_plan share: a plan of a usual host for an image that they change.
namespace nvhook::plan {

using container::Content;
using container::DirectoryFacts;
using container::FileFacts;
using container::Found;
using container::MountKind;
using container::Place;
using container::Standing;
using request::AllGpus;

inline Found standing(Standing what) {
  Found found;
  found.standing = what;
  return found;
}

inline Found node_of(DeviceNumber number) {
  auto found = standing(Standing::CharDevice);
  found.number = number;
  return found;
}

inline Found link_to(std::string text) {
  auto found = standing(Standing::Link);
  found.link_text = std::move(text);
  return found;
}

inline Found dangling_link_to(std::string text) {
  auto found = link_to(std::move(text));
  found.link_dangles = true;
  return found;
}

inline Found mounted_file() {
  auto found = standing(Standing::File);
  found.other_mount = true;
  return found;
}

// A name in /etc of the image.
inline FileFacts in_etc(Found found, std::optional<Content> content = std::nullopt) {
  return {.trouble = {},
          .directory = {.resolved = {"/etc"}, .exists = true},
          .found = std::move(found),
          .content = std::move(content)};
}

// An image with the usual directories, in which nothing of the plan's stands unless a test says so.
class PlanOf : public ::testing::Test {
 protected:
  [[nodiscard]] Place library(std::string_view name) const {
    return {image_.library_directory, std::string(name)};
  }
  [[nodiscard]] static Place program(std::string_view name) {
    return {{"/usr/bin"}, std::string(name)};
  }
  [[nodiscard]] static Place node(std::string_view name) { return {{"/dev"}, std::string(name)}; }

  void lies(const ContainerPath& directory, MountKind mount) {
    directories_[directory] = {.resolved = directory, .exists = true, .mount = mount};
  }

  // Before the container starts, so that a tree of its own is drafted.
  void root_is_read_only() {
    config_.root_readonly = true;
    drafted_read_only_ = true;
  }

  // Everything that a plan could make is there already.
  void everything_stands() {
    for (const auto& mount : draft().mounts)
      found_[mount.place] =
          mount.kind == Kind::Device ? node_of(mount.number) : standing(Standing::File);
    for (const auto& link : draft().links) found_[link.place] = link_to(link.target);
  }

  [[nodiscard]] Draft draft() const {
    auto made = plan::draft(request_, driver_, image_, layout_, drafted_read_only_);
    EXPECT_TRUE(made) << made.error().text();
    return made ? std::move(*made) : Draft{};
  }

  [[nodiscard]] Result<Plan> make() const {
    auto drafted = draft();
    auto survey = test::empty_survey(drafted);
    for (const auto& [directory, facts] : directories_) survey.directories[directory] = facts;
    for (const auto& [place, found] : found_) survey.places[place] = found;
    return make_plan(std::move(drafted), {.container = container_,
                                          .config = config_,
                                          .request = request_,
                                          .driver = driver_,
                                          .image = image_,
                                          .survey = survey,
                                          .loader_file = pointer_to(loader_file_),
                                          .loader_directory = pointer_to(loader_directory_),
                                          .own_user_namespace = own_user_namespace_,
                                          .procfs = procfs_});
  }

  // The plan that can be made; an empty one if there is none, as a test then shows.
  [[nodiscard]] Plan plan() const {
    auto made = make();
    EXPECT_TRUE(made) << made.error().text();
    return made ? std::move(*made) : Plan{};
  }

  [[nodiscard]] std::optional<ErrorId> error() const {
    const auto made = make();
    return made ? std::nullopt : std::optional(made.error().id());
  }

  [[nodiscard]] static std::vector<WarningId> warnings(const Plan& plan) {
    std::vector<WarningId> ids;
    for (const auto& warning : plan.warnings) ids.push_back(warning.id);
    return ids;
  }

  // The mounts onto `target`, of which there should be one.
  [[nodiscard]] static std::vector<Mount> onto(const Plan& plan, std::string_view target) {
    std::vector<Mount> mounts;
    std::ranges::copy_if(plan.mounts, std::back_inserter(mounts),
                         [&](const auto& mount) { return mount.target.value == target; });
    return mounts;
  }

  Container container_{.id = "c1", .pid = 4711, .bundle = "/b", .rootfs = "/b/rootfs"};
  oci::Config config_ = test::sample_config();
  request::Request request_ = test::asking_for(AllGpus{});
  driver::Driver driver_ = test::sample_driver();
  container::Image image_ = test::debian_image();
  std::optional<bool> own_user_namespace_;
  ProcfsFacts procfs_;
  Layout layout_ = Layout::System;
  bool drafted_read_only_ = false;
  std::optional<FileFacts> loader_file_;       // none: not looked at
  std::optional<FileFacts> loader_directory_;  // likewise
  std::map<Place, Found> found_;
  std::map<ContainerPath, DirectoryFacts> directories_;

 private:
  static const FileFacts* pointer_to(const std::optional<FileFacts>& facts) {
    return facts ? &*facts : nullptr;
  }
};

inline const std::string kLibraries = "/usr/lib/x86_64-linux-gnu/";

}  // namespace nvhook::plan
