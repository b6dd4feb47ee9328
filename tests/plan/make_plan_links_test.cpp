// SPDX-License-Identifier: Apache-2.0
// What becomes of the links that a plan needs.
#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "nvhook/plan/make_plan.hpp"
#include "plan/plan_of.hpp"

namespace nvhook::plan {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(PlanOf, TheRightLinkIsLeftAlone) {
  found_[library("libcuda.so")] = link_to("libcuda.so.1");
  found_[library("libcuda.so.1")] = dangling_link_to("libcuda.so.550.54.14");

  const auto made = plan();

  EXPECT_EQ(made.symlinks.size(), 1U);
  EXPECT_THAT(made.warnings, IsEmpty());
}

TEST_F(PlanOf, AStaleLinkIsExchanged) {
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Graphics});
  const struct {
    std::string_view name;
    Found found;
    std::string_view target;
  } cases[] = {
      {"libcuda.so.1", link_to("libcuda.so.535.104.05"), "libcuda.so.550.54.14"},
      {"libcuda.so.1", link_to("libcuda.so.390.157"), "libcuda.so.550.54.14"},
      {"libcuda.so.1", link_to("/usr/lib64/libcuda.so.535.104.05"), "libcuda.so.550.54.14"},
      {"libcuda.so", link_to("libcuda.so.535.104.05"), "libcuda.so.1"},
      {"libGLX_indirect.so.0", link_to("libGLX_nvidia.so.535.104.05"),
       "libGLX_nvidia.so.550.54.14"},
      {"libcuda.so.1", dangling_link_to("libcuda.so.535.104.05"), "libcuda.so.550.54.14"},
      {"libcuda.so.1", dangling_link_to("nothing/of-ours"), "libcuda.so.550.54.14"},
      {"libcuda.so", dangling_link_to("libcuda.so.2"), "libcuda.so.1"},
  };
  for (const auto& test : cases) {
    found_ = {{library(test.name), test.found}};
    const auto made = plan();
    EXPECT_THAT(made.symlinks, Contains(Symlink{{kLibraries + std::string(test.name)},
                                                std::string(test.target),
                                                test.found.link_text}))
        << test.name << " -> " << test.found.link_text;
    EXPECT_THAT(made.warnings, IsEmpty());
  }
}

TEST_F(PlanOf, WhateverElseStandsAtALinkStaysAndIsWarnedOf) {
  const struct {
    Found found;
    std::string_view text;
  } cases[] = {
      {link_to("libmine.so"), R"(is a link to "libmine.so" in the image and stays)"},
      {link_to("libcuda.so.2"), R"(is a link to "libcuda.so.2")"},
      {link_to("libcuda.so.1.7.0"), R"(is a link to "libcuda.so.1.7.0")"},
      {link_to("libcuda.so.535"), R"(is a link to "libcuda.so.535")"},
      {link_to("libcuda.so.535.1x"), R"(is a link to "libcuda.so.535.1x")"},
      {link_to("libcuda.so."), R"(is a link to "libcuda.so.")"},
      {link_to("libcuda.so"), R"(is a link to "libcuda.so")"},
      {link_to("libcuda.so_535.104"), R"(is a link to "libcuda.so_535.104")"},
      {link_to("libother.so.535.104.05"), R"(is a link to "libother.so.535.104.05")"},
      {link_to("libcuda.so.535.104.05/x"), R"(is a link to "libcuda.so.535.104.05/x")"},
      {standing(Standing::Directory), "is a directory in the image and stays"},
      {node_of({1, 3}), "is another device"},
      {standing(Standing::Other), "is a special file"},
  };
  for (const auto& test : cases) {
    found_ = {{library("libcuda.so.1"), test.found}};
    const auto made = plan();
    EXPECT_EQ(made.symlinks.size(), 2U) << test.text;
    ASSERT_EQ(made.warnings.size(), 1U) << test.text;
    EXPECT_EQ(made.warnings[0].id, WarningId::LinkExists);
    EXPECT_THAT(made.warnings[0].text, HasSubstr(test.text));
  }
}

TEST_F(PlanOf, AFileAtALinksPlaceIsCoveredByTheLibrary) {
  found_[library("libcuda.so")] = standing(Standing::File);

  const auto made = plan();

  EXPECT_EQ(made.symlinks.size(), 2U);
  EXPECT_THAT(onto(made, kLibraries + "libcuda.so"),
              ElementsAre(Mount{.kind = Kind::Library,
                                .capability = Capability::Compute,
                                .state = State::Mount,
                                .reason = "the image has a file where the link belongs",
                                .source = {kLibraries + "libcuda.so.550.54.14"},
                                .target = {kLibraries + "libcuda.so"},
                                .options = kFileMount}));
}

TEST_F(PlanOf, LinksOfAVolumeAreNotTouched) {
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Compat32});
  // A library's mount comes before its links and would fail first.
  auto drafted = draft();
  std::erase_if(drafted.mounts, [](const auto& mount) { return mount.kind == Kind::Library32; });
  auto survey = test::empty_survey(drafted);
  survey.directories[image_.library32_directory].mount = MountKind::Foreign;
  const auto error_with = [&](const Found& found) {
    survey.places[{image_.library32_directory, "libcuda.so.1"}] = found;
    survey.places[{image_.library32_directory, "libcuda.so"}] = link_to("libcuda.so.1");
    const auto made = make_plan(drafted, {.container = container_,
                                          .config = config_,
                                          .request = request_,
                                          .driver = driver_,
                                          .image = image_,
                                          .survey = survey});
    return made ? std::nullopt : std::optional(made.error().id());
  };

  EXPECT_EQ(error_with({}), ErrorId::DstForeignMount);
  EXPECT_EQ(error_with(standing(Standing::File)), ErrorId::DstForeignMount);
  EXPECT_EQ(error_with(dangling_link_to("libcuda.so.535.104.05")), ErrorId::DstForeignMount);
  EXPECT_EQ(error_with(link_to("libcuda.so.550.54.14")), std::nullopt);
}

// The image and the run

}  // namespace
}  // namespace nvhook::plan
