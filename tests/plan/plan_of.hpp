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

using container::DirectoryFacts;
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

  // Everything that a plan could make is there already.
  void everything_stands() {
    for (const auto& mount : draft().mounts)
      found_[mount.place] =
          mount.kind == Kind::Device ? node_of(mount.number) : standing(Standing::File);
    for (const auto& link : draft().links) found_[link.place] = link_to(link.target);
  }

  [[nodiscard]] Draft draft() const {
    auto made = plan::draft(request_, driver_, image_);
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
                                          .own_user_namespace = own_user_namespace_});
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
  std::map<Place, Found> found_;
  std::map<ContainerPath, DirectoryFacts> directories_;
};

inline const std::string kLibraries = "/usr/lib/x86_64-linux-gnu/";

}  // namespace nvhook::plan
