// SPDX-License-Identifier: Apache-2.0
// What holds of a mount on every kernel.
#include "nvhook/mount/source.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "mount/mount_fixture.hpp"
#include "support/tiers.hpp"

namespace nvhook::mount {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Mount : public MountTest, public ::testing::WithParamInterface<Tier> {
 protected:
  // A restricted mount of the file, at "/target".
  UniqueFd attached(const MountOptions& options, std::string_view file = "/source") {
    auto mounted = mount_at("/target", source_of(GetParam(), options, file));
    EXPECT_TRUE(mounted) << mounted.error().text();
    return mounted ? std::move(*mounted) : UniqueFd();
  }
};

TEST_P(Mount, ShowsTheSourceAtTheTarget) {
  const auto mount = attached({});

  EXPECT_EQ(content(path("/target")), "ours");
}

TEST_P(Mount, HasItsOptionsInMountinfo) {
  const struct {
    MountOptions options;
    std::string_view shown;
  } cases[] = {
      {kFileMount, "ro,nosuid,nodev,relatime"},
      {kDeviceMount, "ro,nosuid,noexec,relatime"},
      {{.ro = true}, "ro,relatime"},
      {{.nosuid = true}, "rw,nosuid,relatime"},
      {{.nodev = true}, "rw,nodev,relatime"},
      {{.noexec = true}, "rw,noexec,relatime"},
      {{}, "rw,relatime"},
  };
  for (const auto& test : cases) {
    const auto mount = attached(test.options);
    EXPECT_THAT(line_of("/target"), StartsWith(std::string(test.shown) + " "));
    ASSERT_TRUE(detach(mount.get(), fds_.get()));
  }
}

TEST_P(Mount, KeepsTheRestrictionsOfWhereItComesFrom) {
  root_.directory("/strict");
  mount_tmpfs("/strict");
  ASSERT_EQ(::mount(nullptr, path("/strict").c_str(), nullptr,
                    MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_NODEV | MS_NOATIME, nullptr),
            0);
  root_.file("/strict/source", "ours");

  const auto mount = attached({.ro = true, .nosuid = true}, "/strict/source");

  EXPECT_THAT(line_of("/target"), StartsWith("ro,nosuid,nodev,noexec,noatime "));
}

TEST_P(Mount, LeavesTheMountItComesFromAsItWas) {
  const auto before = line_of("/");
  const auto mount = attached(kFileMount);

  EXPECT_EQ(line_of("/"), before);
  EXPECT_EQ(open_error(path("/source"), O_WRONLY), 0);
}

TEST_P(Mount, CannotBeWrittenWhenReadOnly) {
  const auto mount = attached(kFileMount);

  EXPECT_EQ(open_error(path("/target"), O_WRONLY), EROFS);
  EXPECT_EQ(open_error(path("/target"), O_RDONLY), 0);
}

TEST_P(Mount, OfANodeOpensTheDeviceUnlessNodev) {
  ASSERT_EQ(::mknod(path("/node").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
  {
    const auto mount = attached(kDeviceMount, "/node");
    EXPECT_EQ(open_error(path("/target"), O_RDWR), 0);
    ASSERT_TRUE(detach(mount.get(), fds_.get()));
  }
  const auto mount = attached(kFileMount, "/node");
  EXPECT_EQ(open_error(path("/target"), O_RDWR), EACCES);
}

TEST_P(Mount, IsPrivateWhateverItComesFrom) {
  root_.directory("/shared");
  mount_tmpfs("/shared");
  ASSERT_EQ(::mount(nullptr, path("/shared").c_str(), nullptr, MS_SHARED, nullptr), 0);
  root_.file("/shared/source", "ours");
  ASSERT_THAT(line_of("/shared"), HasSubstr(" shared:"));

  const auto mount = attached(kFileMount, "/shared/source");

  EXPECT_THAT(line_of("/target"), StartsWith("ro,"));
  EXPECT_THAT(line_of("/target"), Not(HasSubstr("shared:")));
}

TEST_P(Mount, IsNotMadeOnATargetOfAnotherType) {
  root_.directory("/directory");
  const auto before = mountinfo();

  const auto done = mount_at("/directory", source_of(GetParam(), kFileMount));

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Kernel) << done.error().text();
  EXPECT_EQ(mountinfo(), before);
}

TEST_P(Mount, IsGoneOnceDetached) {
  const auto before = mountinfo();
  const auto mount = attached(kFileMount);
  ASSERT_NE(mountinfo(), before);

  const auto done = detach(mount.get(), fds_.get());

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(mountinfo(), before);
  EXPECT_EQ(content(path("/target")), "theirs");
}

TEST_P(Mount, IsGoneOnceDetachedWhereverItsNameIsNow) {
  root_.directory("/a");
  std::filesystem::rename(path("/target"), path("/a/target"));
  const auto before = mountinfo();
  const auto mount = mount_at("/a/target", source_of(GetParam(), kFileMount));
  ASSERT_TRUE(mount) << mount.error().text();
  std::filesystem::rename(path("/a"), path("/b"));
  root_.file("/a/target", "somebody else's");

  const auto done = detach(mount->get(), fds_.get());

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(mountinfo(), before);
  EXPECT_EQ(content(path("/b/target")), "theirs");
}

TEST_P(Mount, IsGoneOnceDetachedWithWhatCoversIt) {
  const auto before = mountinfo();
  const auto mount = attached(kFileMount);
  root_.file("/cover");
  for (int covers = 0; covers < 3; ++covers)
    ASSERT_EQ(::mount(path("/cover").c_str(), path("/target").c_str(), nullptr, MS_BIND, nullptr),
              0);

  const auto done = detach(mount.get(), fds_.get());

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(mountinfo(), before);
}

INSTANTIATE_TEST_SUITE_P(OnEachKernel, Mount, test::kEachTier,
                         [](const auto& each) { return test::name_of(each.param); });

class ClassicMount : public MountTest {};

// The point is held, its name is somebody else's by the time it is looked up again.
TEST_F(ClassicMount, LeavesNothingWhereItsPointWasExchanged) {
  root_.file("/other", "somebody else's");
  const auto before = mountinfo();
  auto source = source_of(Tier::Classic, kFileMount);
  ASSERT_TRUE(source);
  const auto point = hold(path("/target"));
  const auto directory = hold(path("/"));
  for (const std::string name : {"other", "source", "nothing"}) {
    const auto done = attach(HeldFile{hold(path("/source")), kFileMount},
                             {.fd = point.get(),
                              .directory = directory.get(),
                              .name = name,
                              .is_new = [](int) { return true; }},
                             fds_.get());

    ASSERT_FALSE(done) << name;
    EXPECT_EQ(mountinfo(), before) << name;
    EXPECT_EQ(content(path("/target")), "theirs");
    EXPECT_EQ(open_error(path("/source"), O_WRONLY), 0) << "the source itself was restricted";
  }
}

// One file at two names, which somebody exchanges: the mount that is found is an earlier one.
TEST_F(ClassicMount, LeavesNothingWhereAnEarlierMountOfTheFileIsFound) {
  root_.file("/earlier", "");
  const auto directory = hold(path("/"));
  const std::string earlier = "earlier";
  const auto before_it = hold(path("/earlier"));
  ASSERT_TRUE(attach(HeldFile{hold(path("/source")), kFileMount},
                     {.fd = before_it.get(),
                      .directory = directory.get(),
                      .name = earlier,
                      .is_new = [](int) { return true; }},
                     fds_.get()));
  const auto before = mountinfo();
  const auto point = hold(path("/target"));

  const auto done = attach(HeldFile{hold(path("/source")), kFileMount},
                           {.fd = point.get(),
                            .directory = directory.get(),
                            .name = earlier,
                            .is_new = [](int) { return false; }},
                           fds_.get());

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Race);
  EXPECT_EQ(mountinfo(), before);
  EXPECT_EQ(content(path("/target")), "theirs");
}

TEST_F(ClassicMount, FailsWithTheKernelsReason) {
  const auto point = hold(path("/target"));
  const auto directory = hold(path("/"));
  const std::string name = "target";
  constexpr int kNone = -1;

  EXPECT_EQ(attach(HeldFile{}, {point.get(), directory.get(), name, {}}, fds_.get()).error().code(),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ(attach(HeldFile{}, {point.get(), directory.get(), name, {}}, kNone).error().code(),
            std::errc::bad_file_descriptor);
}

}  // namespace
}  // namespace nvhook::mount
