// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/stage.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "mount/mount_fixture.hpp"
#include "support/namespaces.hpp"

namespace nvhook::mount {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PrivateNamespace : public MountTest {};

TEST_F(PrivateNamespace, ShowsNobodyWhatIsMountedThere) {
  // Where a mount of the namespace that is copied is shared, so is its copy.
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr), 0);
  const auto before = mountinfo();
  const auto target = hold(path("/target"));

  const auto done = in_private_namespace([&]() -> Result<void> {
    auto stage = Stage::make();
    if (!stage) return std::unexpected(std::move(stage).error());
    if (::mknodat(stage->directory(), "file", S_IFREG | 0444, 0) != 0)
      return system_failure(ErrorId::Kernel, "mknod");
    return {};
  });

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(mountinfo(), before);
}

TEST_F(PrivateNamespace, GivesDescriptorsBack) {
  const UniqueFd number(::open("/dev/null", O_RDONLY | O_CLOEXEC));

  const auto done = in_private_namespace(
      [&]() -> Result<void> { return exchange_descriptor(number.get(), hold(path("/source"))); });

  ASSERT_TRUE(done) << done.error().text();
  struct stat given{};
  struct stat source{};
  ASSERT_EQ(::fstat(number.get(), &given), 0);
  ASSERT_EQ(::stat(path("/source").c_str(), &source), 0);
  EXPECT_EQ(given.st_ino, source.st_ino);
  EXPECT_EQ(::fcntl(number.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(PrivateNamespace, TellsWhyItFailed) {
  const auto done = in_private_namespace([]() -> Result<void> {
    errno = EXDEV;
    return system_failure(ErrorId::DstType, "this and that");
  });

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Kernel);
  EXPECT_EQ(done.error().message(), "this and that: Invalid cross-device link");
}

TEST_F(PrivateNamespace, ThatDiesIsAFailure) {
  const auto done = in_private_namespace([]() -> Result<void> { ::_exit(EXIT_FAILURE); });

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Kernel);
}

// What root of a user namespace can still do to a mount at "/target".
class LockedMount : public MountTest {
 protected:
  // As descriptors of detached mounts, and attached in the namespaces of somebody else.
  void attach_there(const UniqueFd& tree) {
    const auto ours = UniqueFd(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::setns(theirs_->mount(), CLONE_NEWNS), 0);
    const auto target = hold(path("/target"));
    EXPECT_TRUE(attach(tree.get(), target.get()));
    ASSERT_EQ(::setns(ours.get(), CLONE_NEWNS), 0);
  }

  // 0, or the reason for which the attribute cannot be taken off.
  [[nodiscard]] int error_of_clearing(std::uint64_t attribute) const {
    return theirs_->ask_root([&] {
      mount_attr change{};
      change.attr_clr = attribute;
      const auto target = path("/target");
      return ::mount_setattr(AT_FDCWD, target.c_str(), 0, &change, sizeof change) == 0 ? 0 : errno;
    });
  }

  void SetUp() override {
    MountTest::SetUp();
    if (!IsSkipped()) theirs_ = std::make_unique<test::Namespaces>();
  }
  void TearDown() override {
    theirs_.reset();
    MountTest::TearDown();
  }

  std::unique_ptr<test::Namespaces> theirs_;
};

constexpr std::uint64_t kRestrictions[] = {MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV,
                                           MOUNT_ATTR_NOEXEC};
constexpr MountOptions kAll{.ro = true, .nosuid = true, .nodev = true, .noexec = true};

TEST_F(LockedMount, KeepsItsRestrictions) {
  auto tree = clone(hold(path("/source")).get());
  ASSERT_TRUE(tree) << tree.error().text();
  ASSERT_TRUE(restrict_to(tree->get(), kAll));

  const auto done = lock(std::vector{tree->get()}, theirs_->user());

  ASSERT_TRUE(done) << done.error().text();
  attach_there(*tree);
  for (const auto attribute : kRestrictions) EXPECT_EQ(error_of_clearing(attribute), EPERM);
  EXPECT_EQ(theirs_->ask_root([&] { return open_error(path("/target"), O_WRONLY); }), EROFS);
  EXPECT_EQ(theirs_->ask_root([&] { return open_error(path("/target"), O_RDONLY); }), 0);
}

// Without this the test above would show nothing.
TEST_F(LockedMount, WouldLoseThemOtherwise) {
  auto tree = clone(hold(path("/source")).get());
  ASSERT_TRUE(tree) << tree.error().text();
  ASSERT_TRUE(restrict_to(tree->get(), kAll));

  attach_there(*tree);

  for (const auto attribute : kRestrictions) EXPECT_EQ(error_of_clearing(attribute), 0);
  EXPECT_EQ(theirs_->ask_root([&] { return open_error(path("/target"), O_WRONLY); }), 0);
}

TEST_F(LockedMount, IsOneOfMany) {
  std::vector<UniqueFd> trees;
  std::vector<int> numbers;
  for (int i = 0; i < 100; ++i) {
    root_.file("/file" + std::to_string(i), std::to_string(i));
    auto tree = clone(hold(path("/file" + std::to_string(i))).get());
    ASSERT_TRUE(tree) << tree.error().text();
    ASSERT_TRUE(restrict_to(tree->get(), kAll));
    numbers.push_back(tree->get());
    trees.push_back(std::move(*tree));
  }
  const auto before = mountinfo();

  ASSERT_TRUE(lock(numbers, theirs_->user()));

  EXPECT_EQ(mountinfo(), before);
  attach_there(trees[73]);
  EXPECT_EQ(error_of_clearing(MOUNT_ATTR_RDONLY), EPERM);
  EXPECT_EQ(theirs_->ask_root([&] { return content(path("/target")) == "73" ? 0 : 1; }), 0);
}

TEST_F(LockedMount, CanBeDetachedByUs) {
  auto tree = clone(hold(path("/source")).get());
  ASSERT_TRUE(tree) << tree.error().text();
  ASSERT_TRUE(restrict_to(tree->get(), kAll));
  ASSERT_TRUE(lock(std::vector{tree->get()}, theirs_->user()));
  const auto before = mountinfo();
  const auto target = hold(path("/target"));
  ASSERT_TRUE(attach(tree->get(), target.get()));
  ASSERT_NE(mountinfo(), before);

  EXPECT_TRUE(detach(tree->get(), fds_.get()));

  EXPECT_EQ(mountinfo(), before);
}

TEST_F(LockedMount, CannotBeHadWithoutTheNamespace) {
  auto tree = clone(hold(path("/source")).get());
  ASSERT_TRUE(tree) << tree.error().text();

  const auto done = lock(std::vector{tree->get()}, fds_.get());

  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("setns"));
}

// What somebody with all capabilities can do to a file of an overlay, mounted at "/target".
class SealedMount : public MountTest {
 protected:
  // A detached mount of "/dir/file", out of an overlay of its directory.
  [[nodiscard]] Result<UniqueFd> sealed() {
    UniqueFd slot(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    auto done = in_private_namespace([&]() -> Result<void> {
      auto stage = Stage::make();
      if (!stage) return std::unexpected(std::move(stage).error());
      const auto directory = hold(path("/dir"));
      const UniqueFd own_fds(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
      const auto overlay = stage->overlay(directory.get(), own_fds.get());
      if (!overlay) return std::unexpected(Error(overlay.error()));
      auto tree = clone_at(overlay->get(), "file");
      if (!tree) return std::unexpected(std::move(tree).error());
      return exchange_descriptor(slot.get(), std::move(*tree));
    });
    if (!done) return std::unexpected(std::move(done).error());
    return slot;
  }

  void SetUp() override {
    MountTest::SetUp();
    if (!IsSkipped()) root_.file("/dir/file", "ours");
  }

  // As mount(8) does it: of the mount, and of its whole file system.
  void remount_writable() {
    ::mount(nullptr, path("/target").c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr);
    ::mount(nullptr, path("/target").c_str(), nullptr, MS_REMOUNT, nullptr);
  }
};

TEST_F(SealedMount, CannotBeMadeWritable) {
  auto tree = sealed();
  ASSERT_TRUE(tree) << tree.error().text();
  ASSERT_TRUE(restrict_to(tree->get(), kFileMount));
  ASSERT_TRUE(attach(tree->get(), hold(path("/target")).get()));
  ASSERT_EQ(content(path("/target")), "ours");
  EXPECT_EQ(open_error(path("/target"), O_WRONLY), EROFS);

  remount_writable();

  EXPECT_THAT(line_of("/target"), ::testing::StartsWith("rw,")) << "nothing was tried";
  EXPECT_EQ(open_error(path("/target"), O_WRONLY), EROFS);
  EXPECT_EQ(open_error(path("/target"), O_RDONLY | O_TRUNC), EROFS);
  EXPECT_EQ(::chmod(path("/target").c_str(), 0777), -1);
  EXPECT_EQ(content(path("/dir/file")), "ours");
}

// Without this the test above would show nothing.
TEST_F(SealedMount, CouldBeMadeWritableOtherwise) {
  const auto mount = mount_at("/target", source_of(Tier::Detached, kFileMount, "/dir/file"));
  ASSERT_TRUE(mount) << mount.error().text();
  EXPECT_EQ(open_error(path("/target"), O_WRONLY), EROFS);

  remount_writable();

  EXPECT_EQ(open_error(path("/target"), O_WRONLY), 0);
}

TEST_F(SealedMount, IsTheVeryFile) {
  const auto tree = sealed();
  ASSERT_TRUE(tree) << tree.error().text();
  struct stat seen{};
  struct stat real{};
  ASSERT_EQ(::fstat(tree->get(), &seen), 0);
  ASSERT_EQ(::stat(path("/dir/file").c_str(), &real), 0);

  EXPECT_EQ(seen.st_ino, real.st_ino);
  EXPECT_EQ(seen.st_mode, real.st_mode);
  EXPECT_EQ(seen.st_size, real.st_size);
}

TEST_F(SealedMount, ShowsNoPathOfTheHost) {
  auto tree = sealed();
  ASSERT_TRUE(tree) << tree.error().text();
  ASSERT_TRUE(attach(tree->get(), hold(path("/target")).get()));

  EXPECT_THAT(line_of("/target"), HasSubstr(" - overlay "));
  EXPECT_THAT(line_of("/target"), Not(HasSubstr("/")));
  EXPECT_THAT(mountinfo(), HasSubstr(" /file " + path("/target") + " "));
}

TEST_F(SealedMount, LeavesNoMountBehind) {
  const auto before = mountinfo();

  (void)sealed();

  EXPECT_EQ(mountinfo(), before);
}

// overlayfs takes no directory of procfs.
TEST_F(SealedMount, CannotBeHadOfEveryFileSystem) {
  const auto done = in_private_namespace([&]() -> Result<void> {
    auto stage = Stage::make();
    if (!stage) return std::unexpected(std::move(stage).error());
    const auto directory = hold("/proc/self");
    const auto overlay = stage->overlay(directory.get(), fds_.get());
    if (!overlay) return std::unexpected(Error(overlay.error()));
    return {};
  });

  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("overlay"));
}

}  // namespace
}  // namespace nvhook::mount
