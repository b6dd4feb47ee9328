// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/mount.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "mount/mount_fixture.hpp"

namespace nvhook::mount {
namespace {

class DetachedMount : public MountTest {};

TEST_F(DetachedMount, IsInNoNamespaceUntilAttached) {
  const auto before = mountinfo();

  {
    const auto tree = clone(hold(path("/source")).get());
    ASSERT_TRUE(tree) << tree.error().text();
    EXPECT_EQ(mountinfo(), before);
    EXPECT_EQ(content(path("/target")), "theirs");
  }

  EXPECT_EQ(mountinfo(), before);
}

TEST_F(DetachedMount, IsRestrictedBeforeAnybodySeesIt) {
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
    struct statvfs detached{};
    ASSERT_EQ(::fstatvfs(tree->get(), &detached), 0);

    EXPECT_EQ(detached.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC), test.flags);
  }
}

TEST_F(DetachedMount, CanBeOfANameInADirectoryAndFollowsNoLink) {
  root_.symlink("/link", "source");
  const auto directory = hold(path("/"));

  const auto tree = clone_at(directory.get(), "source");
  const auto of_link = clone_at(directory.get(), "link");

  ASSERT_TRUE(tree) << tree.error().text();
  ASSERT_TRUE(of_link) << of_link.error().text();
  ASSERT_TRUE(attach(tree->get(), hold(path("/target")).get()));
  EXPECT_EQ(content(path("/target")), "ours");
  struct stat status{};
  ASSERT_EQ(::fstat(of_link->get(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST_F(DetachedMount, IsNotAttachedToATargetOfAnotherType) {
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

TEST_F(DetachedMount, FailsWithTheKernelsReason) {
  const auto tree = clone(hold(path("/source")).get());
  ASSERT_TRUE(tree) << tree.error().text();
  constexpr int kNone = -1;

  EXPECT_EQ(clone(kNone).error().code(), std::errc::bad_file_descriptor);
  EXPECT_EQ(clone_at(kNone, "x").error().code(), std::errc::bad_file_descriptor);
  EXPECT_EQ(restrict_to(kNone, kFileMount).error().code(), std::errc::bad_file_descriptor);
  EXPECT_EQ(attach(tree->get(), kNone).error().code(), std::errc::bad_file_descriptor);
  EXPECT_EQ(detach(tree->get(), kNone).error().code(), std::errc::bad_file_descriptor);
  EXPECT_EQ(detach(tree->get(), fds_.get()).error().code(), std::errc::invalid_argument);
}

}  // namespace
}  // namespace nvhook::mount
