// SPDX-License-Identifier: Apache-2.0
// What a container has after the hook has run: real mounts, a real device cgroup, no engine.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <sstream>

#include "integration/bundle.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Injection : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }

  std::string library(const std::string& name) { return kLibraryDirectory + ("/" + name); }

  Bundle bundle_;
};

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST_F(Injection, MountsWhatTheDryRunSaysAndNothingElse) {
  const TestContainer container(bundle_.root().on_disk());
  const auto before = mounts_below(container.mountinfo(), bundle_.root().on_disk());
  const auto plan = bundle_.plan(container);

  const auto done = bundle_.hook(container, {"prestart"});

  ASSERT_EQ(done.status, 0) << done.err;
  auto mounts = mounts_below(container.mountinfo(), bundle_.root().on_disk());
  std::erase_if(mounts, [&](const auto& mount) { return std::ranges::count(before, mount) > 0; });
  std::vector<MountLine> planned;
  for (const auto& mount : plan["mounts"]) {
    std::string options;
    for (const auto& option : mount["options"])
      options += (options.empty() ? "" : ",") + option.get<std::string>();
    // A file system of its own is mounted with its root, whatever it stands for.
    const auto root = mount["kind"] == "procfs" ? "/" : mount["source"].get<std::string>();
    planned.push_back({root, mount["target"], options});
  }
  std::ranges::sort(mounts, {}, &MountLine::point);
  std::ranges::sort(planned, {}, &MountLine::point);
  EXPECT_EQ(mounts.size(), planned.size());
  for (std::size_t i = 0; i < std::min(mounts.size(), planned.size()); ++i) {
    EXPECT_EQ(mounts[i].point, planned[i].point);
    EXPECT_EQ(mounts[i].options, planned[i].options);
    // mountinfo has the path inside the file system, which may be mounted anywhere.
    EXPECT_TRUE(planned[i].root.ends_with(mounts[i].root) ||
                mounts[i].root.ends_with(planned[i].root))
        << mounts[i].point << " is " << mounts[i].root << ", not " << planned[i].root;
  }
}

TEST_F(Injection, MakesTheLinksOfThePlan) {
  const TestContainer container(bundle_.root().on_disk());
  const auto plan = bundle_.plan(container);

  ASSERT_EQ(bundle_.hook(container).status, 0);

  EXPECT_GT(plan["symlinks"].size(), 5U);
  for (const auto& link : plan["symlinks"])
    EXPECT_EQ(fs::read_symlink(container.inside(link["path"].get<std::string>())),
              link["target"].get<std::string>());
}

TEST_F(Injection, AllowsTheDevicesOfThePlanAndNoMore) {
  const TestContainer container(bundle_.root().on_disk());
  const auto before = container.device_rules();
  const auto plan = bundle_.plan(container);

  ASSERT_EQ(bundle_.hook(container).status, 0);

  auto expected = before;
  for (const auto& device : plan["devices"])
    expected += "c " + std::to_string(device["major"].get<int>()) + ":" +
                std::to_string(device["minor"].get<int>()) + " rw\n";
  EXPECT_EQ(container.device_rules(), expected);
}

TEST_F(Injection, LeavesTheHostsMountsAlone) {
  const auto before = text_of("/proc/self/mountinfo");
  const TestContainer container(bundle_.root().on_disk());

  ASSERT_EQ(bundle_.hook(container).status, 0);

  EXPECT_EQ(text_of("/proc/self/mountinfo"), before);
}

TEST_F(Injection, GivesFilesThatCannotBeWritten) {
  const TestContainer container(bundle_.root().on_disk());
  ASSERT_EQ(bundle_.hook(container).status, 0);

  const auto cuda = container.inside(library("libcuda.so.550.54.14"));
  EXPECT_EQ(::open(cuda.c_str(), O_RDWR | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(text_of(cuda), text_of(fs::path(NVHOOK_SIMULATED_HOST) / "usr/lib/x86_64-linux-gnu" /
                                   "libcuda.so.550.54.14"));
}

TEST_F(Injection, GivesOneGpuWhenOneIsAskedFor) {
  const TestContainer container(bundle_.root().on_disk());
  bundle_.env("NVIDIA_VISIBLE_DEVICES=1");

  ASSERT_EQ(bundle_.hook(container).status, 0);

  EXPECT_FALSE(fs::exists(container.inside("/dev/nvidia0")));
  struct stat status {};
  ASSERT_EQ(::stat(container.inside("/dev/nvidia1").c_str(), &status), 0);
  EXPECT_EQ(status.st_rdev, makedev(195, 1));
  EXPECT_THAT(container.device_rules(), Not(HasSubstr("c 195:0 ")));
}

TEST_F(Injection, TouchesNothingOfAContainerThatAsksForNothing) {
  const TestContainer container(bundle_.root().on_disk());
  const auto before = container.snapshot();
  for (const auto* entry : {"NVIDIA_VISIBLE_DEVICES=void", "NVIDIA_VISIBLE_DEVICES="}) {
    bundle_.env(entry);
    const auto done = bundle_.hook(container);
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.err, "");
    EXPECT_EQ(container.changes_since(before), "") << entry;
  }
}

TEST_F(Injection, CountsNodesOfTheRuntimeAsPresent) {
  const TestContainer container(bundle_.root().on_disk());
  ASSERT_EQ(::mknod(container.inside("/dev/nvidia0").c_str(), S_IFCHR | 0666, makedev(195, 0)), 0);

  const auto done = bundle_.hook(container);

  ASSERT_EQ(done.status, 0) << done.err;
  for (const auto& mount : mounts_below(container.mountinfo(), bundle_.root().on_disk()))
    EXPECT_NE(mount.point, "/dev/nvidia0");
  EXPECT_THAT(container.device_rules(), HasSubstr("c 195:0 rw"));
}

TEST_F(Injection, WritesNoRuleThatIsThereAlready) {
  const TestContainer container(bundle_.root().on_disk());
  ASSERT_EQ(bundle_.hook(container).status, 0);
  const auto rules = container.device_rules();

  // A second time for the same container: nodes and files are mounts of the container's by now.
  const auto again = bundle_.hook(container);

  EXPECT_EQ(again.status, 4);
  EXPECT_THAT(again.err, HasSubstr("E_DST_FOREIGN_MOUNT"));
  EXPECT_EQ(container.device_rules(), rules);
}

TEST_F(Injection, ReachesLibrariesThroughTheImagesOwnLinks) {
  fs::remove(bundle_.root().on_disk(kLibraryDirectory));
  bundle_.root().directory("/opt/lib").symlink(kLibraryDirectory, "/opt/lib");
  const TestContainer container(bundle_.root().on_disk());

  const auto plan = bundle_.plan(container);
  const auto done = bundle_.hook(container);

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(plan["mounts"][0]["target"].get<std::string>().find("/opt/lib/"), 0U);
  EXPECT_TRUE(fs::exists(container.inside("/opt/lib/libcuda.so.550.54.14")));
}

TEST_F(Injection, ExchangesALinkToAnotherDriverVersion) {
  bundle_.root()
      .file(library("libcuda.so.535.104.05"), "old")
      .symlink(library("libcuda.so.1"), "libcuda.so.535.104.05");
  const TestContainer container(bundle_.root().on_disk());

  const auto done = bundle_.hook(container);

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(fs::read_symlink(container.inside(library("libcuda.so.1"))), "libcuda.so.550.54.14");
  EXPECT_EQ(text_of(container.inside(library("libcuda.so.535.104.05"))), "old");
  for (const auto& entry : fs::directory_iterator(container.inside(kLibraryDirectory)))
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("nvhook")));
}

TEST_F(Injection, CoversALibraryOfTheImageUnderTheLinksName) {
  bundle_.root().file(library("libcuda.so.1"), "the image's");
  const TestContainer container(bundle_.root().on_disk());

  ASSERT_EQ(bundle_.hook(container).status, 0);

  EXPECT_THAT(text_of(container.inside(library("libcuda.so.1"))), HasSubstr("\x7f"
                                                                            "ELF"));
  EXPECT_EQ(text_of(bundle_.root().on_disk(library("libcuda.so.1"))), "the image's");
}

TEST_F(Injection, MakesMissingDirectories) {
  fs::remove(bundle_.root().on_disk(kLibraryDirectory));
  fs::remove(bundle_.root().on_disk("/usr/bin"));
  const TestContainer container(bundle_.root().on_disk());

  const auto done = bundle_.hook(container);

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_TRUE(fs::exists(container.inside("/usr/bin/nvidia-smi")));
  struct stat status {};
  ASSERT_EQ(::stat(container.inside(kLibraryDirectory).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0755U);
}

TEST_F(Injection, NeverLeavesTheRootThroughALink) {
  FakeRoot outside;
  fs::remove(bundle_.root().on_disk(kLibraryDirectory));
  for (const auto& target :
       {outside.on_disk().string(), "../../../../../../../.." + outside.on_disk().string()}) {
    fs::remove(bundle_.root().on_disk(kLibraryDirectory));
    bundle_.root().symlink(kLibraryDirectory, target);
    const TestContainer container(bundle_.root().on_disk());

    (void)bundle_.hook(container);

    EXPECT_TRUE(fs::is_empty(outside.on_disk())) << target;
  }
}

TEST_F(Injection, RefusesAVolumeOverADirectoryOfTheDriver) {
  FakeRoot volume;
  const TestContainer container(bundle_.root().on_disk(),
                                {.volumes = {{volume.on_disk(), kLibraryDirectory}}});
  const auto before = container.snapshot();

  const auto done = bundle_.hook(container);

  EXPECT_EQ(done.status, 4);
  EXPECT_THAT(done.err, HasSubstr("E_DST_FOREIGN_MOUNT"));
  EXPECT_TRUE(fs::is_empty(volume.on_disk()));
  EXPECT_EQ(container.changes_since(before), "");
}

TEST_F(Injection, ReadsNoLoaderFromAnotherMount) {
  const std::string loader = "/lib64/ld-linux-x86-64.so.2";
  FakeRoot volume;
  fs::rename(bundle_.root().on_disk(loader), volume.on_disk("/loader"));
  bundle_.root().symlink(loader, "/data/loader").directory("/data");
  const TestContainer container(bundle_.root().on_disk(),
                                {.volumes = {{volume.on_disk(), "/data"}}});
  ASSERT_EQ(fs::file_size(container.inside("/data/loader")),
            fs::file_size("/lib64/ld-linux-x86-64.so.2"));

  const auto plan = bundle_.plan(container);

  ASSERT_EQ(plan["warnings"].size(), 1U);
  EXPECT_EQ(plan["warnings"][0]["id"], "W_NO_LOADER");
}

TEST_F(Injection, MakesNothingInATmpfsOfTheHostsAtDev) {
  FakeRoot volume;
  ASSERT_EQ(::mount("tmpfs", volume.on_disk().c_str(), "tmpfs", 0, nullptr), 0);
  {
    const TestContainer container(
        bundle_.root().on_disk(),
        {.dev = TestContainer::Dev::Image, .volumes = {{volume.on_disk(), "/dev"}}});

    const auto done = bundle_.hook(container);

    EXPECT_EQ(done.status, 4);
    EXPECT_THAT(done.err, HasSubstr("E_DST_FOREIGN_MOUNT"));
    EXPECT_TRUE(fs::is_empty(volume.on_disk()));
  }
  ::umount2(volume.on_disk().c_str(), MNT_DETACH);
}

TEST_F(Injection, RefusesARootWhoseMountsWouldReachTheHost) {
  const TestContainer container(bundle_.root().on_disk(),
                                {.propagation = TestContainer::Propagation::Shared});
  const auto before = container.snapshot();

  const auto done = bundle_.hook(container);

  EXPECT_EQ(done.status, 4);
  EXPECT_THAT(done.err, HasSubstr("E_PROPAGATION"));
  EXPECT_EQ(container.changes_since(before), "");
}

TEST_F(Injection, WritesNothingIntoAReadOnlyRoot) {
  bundle_.config["root"]["readonly"] = true;
  const TestContainer container(bundle_.root().on_disk());
  const auto before = container.snapshot();

  const auto done = bundle_.hook(container);

  EXPECT_EQ(done.status, 0) << done.err;
  std::istringstream changes(container.changes_since(before));
  for (std::string line; std::getline(changes, line);)
    EXPECT_TRUE(line.contains((container.rootfs() / "dev").string()) || line.starts_with("+ c "))
        << line;
  EXPECT_TRUE(fs::exists(container.inside("/dev/.nvhook/lib64/libcuda.so.1")));
}

TEST_F(Injection, GivesTheNewCacheTheLabelOfTheOldOne) {
  bundle_.root().file("/etc/ld.so.cache", "damaged");
  const std::string label = "system_u:object_r:container_file_t:s0:c1,c2";
  const auto cache = bundle_.root().on_disk("/etc/ld.so.cache");
  ASSERT_EQ(::setxattr(cache.c_str(), "security.selinux", label.data(), label.size(), 0), 0);
  const TestContainer container(bundle_.root().on_disk());

  const auto done = bundle_.hook(container);

  ASSERT_EQ(done.status, 0) << done.err;
  std::array<char, 256> now{};
  ASSERT_GT(::getxattr(cache.c_str(), "security.selinux", now.data(), now.size()), 0);
  EXPECT_EQ(std::string(now.data()), label);
  EXPECT_NE(fs::file_size(cache), 7U);
}

TEST_F(Injection, WorksInAnImageWithoutADevFileSystem) {
  bundle_.config["mounts"] = nlohmann::json::array();
  const TestContainer container(bundle_.root().on_disk(), {.dev = TestContainer::Dev::Image});

  const auto done = bundle_.hook(container);

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_TRUE(fs::is_character_file(container.inside("/dev/nvidia0")));
}

}  // namespace
}  // namespace nvhook::test
