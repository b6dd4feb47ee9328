// SPDX-License-Identifier: Apache-2.0
// A view of the driver in a container's procfs, on each kind of kernel.
#include "apply/driver_view.hpp"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "apply/placer_in.hpp"
#include "nvhook/mount/propagation.hpp"
#include "support/driver_in_procfs.hpp"

namespace nvhook::apply {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

const std::string kDirectory = "/proc/driver/nvidia";

class DriverViewIn : public PlacerIn {
 protected:
  void SetUp() override {
    PlacerIn::SetUp();
    if (IsSkipped()) return;
    root_.directory("/proc");
    ASSERT_EQ(::mount("proc", path("/proc").c_str(), "proc", 0, nullptr), 0);
    ASSERT_EQ(test::show_driver_in(path("/proc")), 0);
    view_ = {.whole = true,
             .source = {kDirectory},
             .target = {kDirectory},
             .files = {{{kDirectory + "/params"}, "ModifyDeviceFiles: 0\n"},
                       {{kDirectory + "/gpus/0000:01:00.0/information"}, "Model: one\n"},
                       {{kDirectory + "/gpus/0000:02:00.0/information"}, "Model: two\n"}}};
  }

  void restrict_to_params() {
    view_.whole = false;
    view_.target = {kDirectory + "/params"};
    view_.files.resize(1);
  }

  Result<void> place() {
    auto built = build_driver_view(view_, {}, GetParam());
    if (!built) return std::unexpected(std::move(built).error());
    EXPECT_EQ(built->has_value(), GetParam() == mount::Tier::Detached);
    placer();
    return place_driver_view(view_, std::move(*built), {}, rootfs_, undo_, fds_.get());
  }

  // What a container sees, below the directory.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(path(kDirectory)))
      names.push_back(entry.path().lexically_relative(path(kDirectory)).string());
    std::ranges::sort(names);
    return names;
  }

  [[nodiscard]] unsigned long flags_of(const std::string& at) const {
    struct statvfs facts {};
    EXPECT_EQ(::statvfs(path(at).c_str(), &facts), 0);
    return facts.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC);
  }

  plan::DriverView view_;
};

constexpr unsigned long kAllOfThem = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;

TEST_P(DriverViewIn, HasThePlansFilesAndNothingElse) {
  const auto done = place();

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_THAT(names(), ElementsAre("gpus", "gpus/0000:01:00.0", "gpus/0000:01:00.0/information",
                                   "gpus/0000:02:00.0", "gpus/0000:02:00.0/information", "params"));
  EXPECT_EQ(content(kDirectory + "/params"), "ModifyDeviceFiles: 0\n");
  EXPECT_EQ(content(kDirectory + "/gpus/0000:02:00.0/information"), "Model: two\n");
  EXPECT_EQ(mode(kDirectory + "/params"), S_IFREG | 0444U);
}

TEST_P(DriverViewIn, CannotBeWrittenTo) {
  ASSERT_TRUE(place());

  EXPECT_EQ(flags_of(kDirectory), kAllOfThem);
  EXPECT_EQ(::mkdir(path(kDirectory + "/new").c_str(), 0755), -1);
  EXPECT_EQ(errno, EROFS);
}

TEST_P(DriverViewIn, GoesAgain) {
  const auto before = mountinfo();
  ASSERT_TRUE(place());
  EXPECT_NE(mountinfo(), before);

  undo_.roll_back();

  EXPECT_EQ(mountinfo(), before);
  EXPECT_EQ(content(kDirectory + "/params"), "the kernel's params\n");
}

TEST_P(DriverViewIn, OfTheParametersLeavesTheRestAsItIs) {
  restrict_to_params();

  const auto done = place();

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_THAT(names(), ElementsAre("params", "suspend", "version"));
  EXPECT_EQ(content(kDirectory + "/params"), "ModifyDeviceFiles: 0\n");
  EXPECT_EQ(content(kDirectory + "/version"), "the kernel's version\n");
  EXPECT_EQ(flags_of(kDirectory + "/params"), kAllOfThem);
}

TEST_P(DriverViewIn, OfTheParametersGoesAgain) {
  restrict_to_params();
  const auto before = mountinfo();
  ASSERT_TRUE(place());

  undo_.roll_back();

  EXPECT_EQ(mountinfo(), before);
}

TEST_P(DriverViewIn, OfTheParametersGoesWhereThereAreNone) {
  restrict_to_params();
  fs::remove(path(kDirectory + "/params"));
  const auto before = mountinfo();

  const auto done = place();

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Race);
  undo_.roll_back();
  EXPECT_EQ(mountinfo(), before);
}

TEST_P(DriverViewIn, IsMountedOverNothingElseThanAProcfs) {
  ASSERT_EQ(::umount2(path("/proc").c_str(), MNT_DETACH), 0);
  root_.directory(kDirectory);
  const auto before = mountinfo();

  const auto done = place();

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Race);
  EXPECT_EQ(mountinfo(), before);
}

TEST_P(DriverViewIn, IsNotMountedWhereItWouldAppearElsewhere) {
  ASSERT_EQ(::mount(nullptr, path("/proc/driver").c_str(), nullptr, MS_SHARED, nullptr), 0);
  const auto shared = mount::is_shared(open_directory(kDirectory).get());
  if (shared && !*shared) GTEST_SKIP() << "this kernel cannot tell: it is left to the survey";

  const auto done = place();

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Propagation);
}

INSTANTIATE_TEST_SUITE_P(OnEachKernel, DriverViewIn, test::kEachTier,
                         [](const auto& tested) { return test::name_of(tested.param); });

}  // namespace
}  // namespace nvhook::apply
