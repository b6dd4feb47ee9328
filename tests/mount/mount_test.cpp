// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/mount.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "support/own_mounts.hpp"

namespace nvhook::mount {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

UniqueFd hold(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

std::string content(const std::string& path) {
  std::string text;
  std::getline(std::ifstream(path), text);
  return text;
}

int open_error(const std::string& path, int flags) {
  const UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  return fd ? 0 : errno;
}

class Mount : public test::OwnMounts {
 protected:
  void SetUp() override {
    OwnMounts::SetUp();
    if (IsSkipped()) return;
    root_.file("/source", "ours").file("/target", "theirs");
    fds_ = UniqueFd(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  // A restricted copy of the source, attached at the target.
  UniqueFd attached(const MountOptions& options, std::string_view source = "/source") {
    auto tree = clone(hold(path(source)).get());
    EXPECT_TRUE(tree) << tree.error().text();
    if (!tree) return {};
    const auto restricted = restrict_to(tree->get(), options);
    EXPECT_TRUE(restricted) << restricted.error().text();
    const auto done = attach(tree->get(), hold(path("/target")).get());
    EXPECT_TRUE(done) << done.error().text();
    return std::move(*tree);
  }

  // The line's part behind the mount point: options, optional fields, "- type ...".
  [[nodiscard]] std::string line_of(std::string_view inside) const {
    const auto text = mountinfo();
    const auto mark = " " + path(inside) + " ";
    const auto at = text.rfind(mark);
    if (at == text.npos) return {};
    const auto begin = at + mark.size();
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  UniqueFd fds_;
};

TEST_F(Mount, IsInNoNamespaceUntilAttached) {
  const auto before = mountinfo();

  {
    const auto tree = clone(hold(path("/source")).get());
    ASSERT_TRUE(tree) << tree.error().text();
    EXPECT_EQ(mountinfo(), before);
    EXPECT_EQ(content(path("/target")), "theirs");
  }

  EXPECT_EQ(mountinfo(), before);
}

TEST_F(Mount, ShowsTheSourceAtTheTarget) {
  const auto tree = attached({});

  EXPECT_EQ(content(path("/target")), "ours");
}

TEST_F(Mount, IsRestrictedBeforeAnybodySeesIt) {
  const struct {
    MountOptions options;
    unsigned long flags;
  } cases[] = {
      {kFileMount, ST_RDONLY | ST_NOSUID | ST_NODEV},
      {kDeviceMount, ST_RDONLY | ST_NOSUID | ST_NOEXEC},
      {{.ro = true}, ST_RDONLY},
      {{.nosuid = true}, ST_NOSUID},
      {{.nodev = true}, ST_NODEV},
      {{.noexec = true}, ST_NOEXEC},
      {{}, 0},
  };
  for (const auto& test : cases) {
    const auto tree = clone(hold(path("/source")).get());
    ASSERT_TRUE(tree) << tree.error().text();
    const auto done = restrict_to(tree->get(), test.options);
    ASSERT_TRUE(done) << done.error().text();
    struct statvfs detached {};
    ASSERT_EQ(::fstatvfs(tree->get(), &detached), 0);

    EXPECT_EQ(detached.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC), test.flags);
  }
}

TEST_F(Mount, HasItsOptionsInMountinfoOnceAttached) {
  {
    const auto tree = attached(kFileMount);
    EXPECT_THAT(line_of("/target"), StartsWith("ro,nosuid,nodev,"));
    ASSERT_TRUE(detach(tree.get(), fds_.get()));
  }
  const auto tree = attached(kDeviceMount);
  EXPECT_THAT(line_of("/target"), StartsWith("ro,nosuid,noexec,"));
}

TEST_F(Mount, LeavesTheMountItIsACopyOfAsItWas) {
  const auto before = line_of("/");
  const auto tree = attached(kFileMount);

  EXPECT_EQ(line_of("/"), before);
  EXPECT_EQ(open_error(path("/source"), O_WRONLY), 0);
}

TEST_F(Mount, CannotBeWrittenWhenReadOnly) {
  const auto tree = attached(kFileMount);

  EXPECT_EQ(open_error(path("/target"), O_WRONLY), EROFS);
  EXPECT_EQ(open_error(path("/target"), O_RDONLY), 0);
}

TEST_F(Mount, OfANodeOpensTheDeviceUnlessNodev) {
  ASSERT_EQ(::mknod(path("/node").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
  {
    const auto tree = attached(kDeviceMount, "/node");
    EXPECT_EQ(open_error(path("/target"), O_RDWR), 0);
    ASSERT_TRUE(detach(tree.get(), fds_.get()));
  }
  const auto tree = attached(kFileMount, "/node");
  EXPECT_EQ(open_error(path("/target"), O_RDWR), EACCES);
}

TEST_F(Mount, IsPrivateWhateverItIsACopyOf) {
  root_.directory("/shared");
  mount_tmpfs("/shared");
  ASSERT_EQ(::mount(nullptr, path("/shared").c_str(), nullptr, MS_SHARED, nullptr), 0);
  root_.file("/shared/source", "ours");
  ASSERT_THAT(line_of("/shared"), HasSubstr(" shared:"));

  const auto tree = attached(kFileMount, "/shared/source");

  EXPECT_THAT(line_of("/target"), StartsWith("ro,"));
  EXPECT_THAT(line_of("/target"), Not(HasSubstr("shared:")));
}

TEST_F(Mount, IsNotAttachedToATargetOfAnotherType) {
  root_.directory("/directory");
  const auto before = mountinfo();
  const auto file = clone(hold(path("/source")).get());
  ASSERT_TRUE(file) << file.error().text();

  const auto done = attach(file->get(), hold(path("/directory")).get());

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Kernel);
  EXPECT_EQ(done.error().code(), std::errc::invalid_argument);
  EXPECT_EQ(mountinfo(), before);
}

TEST_F(Mount, IsGoneOnceDetached) {
  const auto before = mountinfo();
  const auto tree = attached(kFileMount);
  ASSERT_NE(mountinfo(), before);

  const auto done = detach(tree.get(), fds_.get());

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(mountinfo(), before);
  EXPECT_EQ(content(path("/target")), "theirs");
}

TEST_F(Mount, IsGoneOnceDetachedWhereverItsNameIsNow) {
  root_.directory("/a");
  std::filesystem::rename(path("/target"), path("/a/target"));
  std::filesystem::create_symlink("a/target", path("/target"));
  const auto before = mountinfo();
  const auto tree = clone(hold(path("/source")).get());
  ASSERT_TRUE(tree) << tree.error().text();
  ASSERT_TRUE(attach(tree->get(), hold(path("/a/target")).get()));
  std::filesystem::rename(path("/a"), path("/b"));
  root_.file("/a/target", "somebody else's");

  const auto done = detach(tree->get(), fds_.get());

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(mountinfo(), before);
  EXPECT_EQ(content(path("/b/target")), "theirs");
}

TEST_F(Mount, IsGoneOnceDetachedWithWhatCoversIt) {
  const auto before = mountinfo();
  const auto tree = attached(kFileMount);
  root_.file("/cover");
  for (int covers = 0; covers < 3; ++covers)
    ASSERT_EQ(::mount(path("/cover").c_str(), path("/target").c_str(), nullptr, MS_BIND, nullptr),
              0);

  const auto done = detach(tree.get(), fds_.get());

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(mountinfo(), before);
}

TEST_F(Mount, FailsWithTheKernelsReason) {
  const auto tree = clone(hold(path("/source")).get());
  ASSERT_TRUE(tree) << tree.error().text();
  constexpr int kNone = -1;

  EXPECT_EQ(clone(kNone).error().code(), std::errc::bad_file_descriptor);
  EXPECT_EQ(restrict_to(kNone, kFileMount).error().code(), std::errc::bad_file_descriptor);
  EXPECT_EQ(attach(tree->get(), kNone).error().code(), std::errc::bad_file_descriptor);
  EXPECT_EQ(detach(tree->get(), kNone).error().code(), std::errc::bad_file_descriptor);
  EXPECT_EQ(detach(tree->get(), fds_.get()).error().code(), std::errc::invalid_argument);
}

}  // namespace
}  // namespace nvhook::mount
