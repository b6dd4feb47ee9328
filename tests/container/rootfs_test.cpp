// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/rootfs.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "container/waiting.hpp"
#include "support/fake_root.hpp"

namespace nvhook::container {
namespace {

using ::testing::StartsWith;

// A bundle's directory as a runtime's process sees it: in it "rootfs" bound onto itself, "plain"
// that is no mount, and "host", a bind of this machine's "/".
class RootfsOf : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: mount(2)";
    bundle_.directory("/rootfs/sub").directory("/plain").directory("/host");
    bundle_.symlink("/link", "rootfs").symlink("/slash", "/");
    container_ = std::make_unique<test::Waiting>([this] { return make_mounts(); });
    const auto procfs = open_procfs();
    ASSERT_TRUE(procfs) << procfs.error().text();
    auto process = pin(*procfs, container_->pid());
    ASSERT_TRUE(process) << process.error().text();
    process_ = std::move(*process);
  }

  bool make_mounts() {
    const auto bind = [](const std::string& what, const std::string& over) {
      return ::mount(what.c_str(), over.c_str(), nullptr, MS_BIND, nullptr) == 0;
    };
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           bind(path("/rootfs"), path("/rootfs")) && bind("/", path("/host"));
  }

  [[nodiscard]] std::string path(const std::string& inside) const {
    return bundle_.on_disk(inside).string();
  }

  [[nodiscard]] std::string complaint(const std::string& path) const {
    const auto rootfs = open_rootfs(process_, path);
    return rootfs ? "opened" : rootfs.error().text();
  }

  test::FakeRoot bundle_;
  std::unique_ptr<test::Waiting> container_;
  Process process_;
};

TEST_F(RootfsOf, IsTheRootOfAMountOfTheContainers) {
  for (const auto* name : {"/rootfs", "/link", "/rootfs/sub/..", "/plain/../rootfs/"}) {
    const auto rootfs = open_rootfs(process_, path("/") + name);
    ASSERT_TRUE(rootfs) << name << ": " << rootfs.error().text();
    EXPECT_EQ(rootfs->mount_id, *files::mount_id_of(rootfs->fd.get()));
    // Not what is at that path here.
    EXPECT_NE(rootfs->mount_id, *files::mount_id_at(bundle_.fd(), "rootfs"));
  }
}

TEST_F(RootfsOf, IsNoPlainDirectory) {
  for (const auto* name : {"/plain", "/rootfs/sub", "/"})
    EXPECT_THAT(complaint(path("/") + name), StartsWith("E_ROOTFS")) << name;
}

TEST_F(RootfsOf, IsNotTheWholeMachine) {
  for (const auto& name : {std::string("/"), path("/slash"), path("/host"), std::string("/..")})
    EXPECT_THAT(complaint(name), StartsWith("E_ROOTFS")) << name;
}

TEST_F(RootfsOf, IsNothingThatIsMissingOrNoDirectory) {
  bundle_.file("/file").symlink("/loop", "loop");
  for (const auto* name : {"/none", "/file", "/loop"})
    EXPECT_THAT(complaint(path("/") + name), StartsWith("E_ROOTFS")) << name;
}

}  // namespace
}  // namespace nvhook::container
