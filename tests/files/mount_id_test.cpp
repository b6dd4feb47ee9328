// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/mount_id.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "files/fdinfo.hpp"
#include "support/child.hpp"
#include "support/own_mounts.hpp"

namespace nvhook::files {
namespace {

class MountId : public test::OwnMounts {
 protected:
  [[nodiscard]] UniqueFd open(const std::string& inside) const {
    return UniqueFd(::open(path(inside).c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }
};

TEST_F(MountId, IsTheNumberThatMountinfoHas) {
  root_.directory("/d");
  mount_tmpfs("/d");
  const auto fd = open("/d");

  const auto id = mount_id_of(fd.get());

  ASSERT_TRUE(id) << id.error().text();
  EXPECT_NE(("\n" + mountinfo()).find("\n" + std::to_string(*id) + " "), std::string::npos);
  EXPECT_NE(mountinfo().find(" " + path("/d") + " "), std::string::npos);
  EXPECT_EQ(mount_id_by_fdinfo(fd.get()), *id);
}

TEST_F(MountId, OfANameIsThatOfWhatStandsThere) {
  root_.directory("/d").file("/f").symlink("/l", "d").symlink("/gone", "none");
  mount_tmpfs("/d");
  const auto root = open("/");
  const auto here = mount_id_of(root.get());

  EXPECT_EQ(mount_id_at(root.get(), "f"), *here);
  EXPECT_EQ(mount_id_at(root.get(), "l"), *here);
  EXPECT_EQ(mount_id_at(root.get(), "gone"), *here);
  EXPECT_EQ(mount_id_at(root.get(), "d"), *mount_id_of(open("/d").get()));
  EXPECT_NE(mount_id_at(root.get(), "d"), *here);
  EXPECT_EQ(mount_id_at(root.get(), "none").error().code(), std::errc::no_such_file_or_directory);
}

TEST_F(MountId, IsToldOfAChildsOwnDescriptors) {
  root_.directory("/d");
  mount_tmpfs("/d");
  const auto root = open("/");
  ASSERT_TRUE(mount_id_by_fdinfo(root.get()));  // the parent holds its own list by now

  const auto said = test::said_by_child([&] {
    const auto only_here = open("/d");
    const auto id = mount_id_by_fdinfo(only_here.get());
    return id && *id == *mount_id_of(only_here.get()) ? "the same" : "something else";
  });

  EXPECT_EQ(said, "the same");
}

TEST_F(MountId, IsToldWhereProcIsSomethingElseByNow) {
  const auto root = open("/");
  const auto id = mount_id_by_fdinfo(root.get());
  ASSERT_TRUE(id);

  ASSERT_EQ(::mount("tmpfs", "/proc", "tmpfs", 0, nullptr), 0);

  EXPECT_EQ(mount_id_by_fdinfo(root.get()), *id);
  ASSERT_EQ(::umount("/proc"), 0);
}

TEST_F(MountId, IsNotBelievedOfAFakeProcfs) {
  const auto root = open("/");
  ASSERT_EQ(::mount("tmpfs", "/proc", "tmpfs", 0, nullptr), 0);

  // In a child, for each process looks for its own.
  const auto said = test::said_by_child([&] {
    const auto id = mount_id_by_fdinfo(root.get());
    return id ? "mount " + std::to_string(*id) : id.error().text();
  });

  EXPECT_THAT(said, ::testing::HasSubstr("not a procfs"));
  ASSERT_EQ(::umount("/proc"), 0);
}

TEST_F(MountId, IsNotBelievedOfAnotherProcess) {
  const auto root = open("/");
  std::vector<UniqueFd> only_here;  // numbers that the child will have given to something else
  for (int i = 0; i < 32; ++i) only_here.push_back(open("/"));

  const auto said = test::said_by_child([&]() -> std::string {
    only_here.clear();
    const auto parent = "/proc/" + std::to_string(::getppid());
    const auto self = "/proc/" + std::to_string(::getpid());
    if (::mount(parent.c_str(), self.c_str(), nullptr, MS_BIND, nullptr) != 0) return "no mount";
    const auto id = mount_id_by_fdinfo(root.get());
    ::umount(self.c_str());
    return id ? "mount " + std::to_string(*id) : id.error().text();
  });

  EXPECT_THAT(said, ::testing::HasSubstr("is not this process's"));
}

// Then nothing is wrong with /proc.
TEST_F(MountId, ThatThereIsNoDescriptorForIsNotCalledAnothers) {
  const auto root = open("/");
  const auto first_free = static_cast<rlim_t>(open("/").get());

  const auto said = test::said_by_child([&]() -> std::string {
    const auto allow = [&](rlim_t descriptors) {
      const rlimit most{.rlim_cur = first_free + descriptors, .rlim_max = first_free + 32};
      ::setrlimit(RLIMIT_NOFILE, &most);
    };
    std::string others;
    const auto ask = [&] {
      const auto id = mount_id_by_fdinfo(root.get());
      allow(32);  // a sanitizer looks at errors by a pipe
      if (!id && id.error().code() != std::errc::too_many_files_open) others += id.error().text();
      return id.has_value();
    };
    rlim_t descriptors = 0;
    for (allow(descriptors); !ask() && descriptors < 32; allow(descriptors)) ++descriptors;
    allow(0);  // its list is held by now, and what it tells is yet to be read
    return ask() ? "needs none" : others;
  });

  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace nvhook::files
