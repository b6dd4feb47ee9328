// SPDX-License-Identifier: Apache-2.0
// The positive control: in the scenes that nvhook withstands, a hook that goes by paths acts on the
// host, and the oracles see it. A suite that such a hook survives would show nothing.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "attack/attack.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

class NaiveHook : public Attack {
 protected:
  const Outcome& bind(const std::string& source, const std::string& target) {
    return run_instead({NVHOOK_NAIVE_HOOK, std::to_string(container().pid()),
                        container().rootfs().string(), "bind", source, target});
  }
  const Outcome& link(const std::string& text, const std::string& path) {
    return run_instead({NVHOOK_NAIVE_HOOK, std::to_string(container().pid()),
                        container().rootfs().string(), "link", text, path});
  }
  void replace_by_link(const std::string& path, const std::string& target) {
    fs::remove_all(image().on_disk(path));
    image().symlink(path, target);
  }
  static std::string cuda() {
    return (Scene::simulated_host() / "usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14").string();
  }
  const std::string target_ = std::string(kLibraryDirectory) + "/libcuda.so.550.54.14";
};

TEST_P(NaiveHook, WorksWhereNobodyAttacks) {
  const auto& outcome = bind(cuda(), target_);

  EXPECT_EQ(outcome.finished.status, 0) << outcome.finished.err;
  EXPECT_FALSE(outcome.complains(Oracle::HostSilence));
  EXPECT_FALSE(outcome.complains(Oracle::Canaries));
}

TEST_P(NaiveHook, D01_IsLedToTheHostByALinkOfADirectory) {
  for (const auto& way : {std::string(), std::string("../../../../../../../..")}) {
    start_over();
    replace_by_link(kLibraryDirectory, way + victim().on_disk().string());

    const auto& outcome = bind(cuda(), target_);

    EXPECT_TRUE(outcome.complains(Oracle::HostSilence));
    EXPECT_TRUE(outcome.complains(Oracle::Canaries));
    EXPECT_TRUE(outcome.complains(Oracle::ContainerMounts));
  }
}

TEST_P(NaiveHook, D03_IsLedToTheHostByALinkOfDev) {
  scene().container.dev = TestContainer::Dev::Image;
  replace_by_link("/dev", "../../../../../../.." + victim().on_disk().string());

  const auto& outcome = bind((Scene::simulated_host() / "dev/nvidia0").string(), "/dev/nvidia0");

  EXPECT_TRUE(outcome.complains(Oracle::HostSilence));
  EXPECT_TRUE(outcome.complains(Oracle::ContainerMounts));
}

TEST_P(NaiveHook, D05_IsLedToTheHostByTheContainersProcfs) {
  replace_by_link(kLibraryDirectory, "/proc/self/root" + victim().on_disk().string());

  const auto& outcome = bind(cuda(), target_);

  EXPECT_TRUE(outcome.complains(Oracle::HostSilence));
}

TEST_P(NaiveHook, D12_MountsOverADevice) {
  const auto node = image().on_disk(target_);
  ASSERT_EQ(::mknod(node.c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);

  const auto& outcome = bind(cuda(), target_);

  EXPECT_EQ(outcome.finished.status, 0) << outcome.finished.err;
  EXPECT_TRUE(outcome.complains(Oracle::ContainerMounts));
}

TEST_P(NaiveHook, D02_MakesDirectoriesOnTheHost) {
  replace_by_link("/usr", victim().on_disk().string());

  const auto& outcome = bind(cuda(), target_);

  EXPECT_TRUE(outcome.complains(Oracle::HostSilence));
  EXPECT_TRUE(fs::is_directory(victim().on_disk("/lib/x86_64-linux-gnu")));
}

TEST_P(NaiveHook, D09_MountsOverAFileOfTheHost) {
  replace_by_link(target_, victim().on_disk("/file").string());

  const auto& outcome = bind(cuda(), target_);

  EXPECT_EQ(outcome.finished.status, 0) << outcome.finished.err;
  EXPECT_TRUE(outcome.complains(Oracle::ContainerMounts));
}

TEST_P(NaiveHook, D07_MakesLinksOnTheHost) {
  replace_by_link(kLibraryDirectory, victim().on_disk().string());

  const auto& outcome = link("libcuda.so.1", std::string(kLibraryDirectory) + "/libcuda.so");

  EXPECT_TRUE(outcome.complains(Oracle::HostSilence));
  EXPECT_TRUE(fs::is_symlink(victim().on_disk("/libcuda.so")));
}

TEST_P(NaiveHook, D22_WritesIntoAVolume) {
  scene().container.volumes = {{victim().on_disk().string(), kLibraryDirectory}};

  const auto& outcome = bind(cuda(), target_);

  EXPECT_TRUE(outcome.complains(Oracle::HostSilence));
  EXPECT_TRUE(outcome.complains(Oracle::Canaries));
}

TEST_P(NaiveHook, D08_RemovesWhatTheImageHas) {
  image().file(std::string(kLibraryDirectory) + "/libcuda.so", "the image's");

  const auto& outcome = link("libcuda.so.1", std::string(kLibraryDirectory) + "/libcuda.so");

  EXPECT_TRUE(outcome.complains(Oracle::Canaries));
}

TEST_P(NaiveHook, LeavesTracesWhereItFails) {
  const auto& outcome = bind("/nonexistent", target_);

  EXPECT_NE(outcome.finished.status, 0);
  EXPECT_TRUE(outcome.complains(Oracle::Residue));
  EXPECT_TRUE(outcome.complains(Oracle::Canaries));
}

INSTANTIATE_TEST_SUITE_P(Kernel, NaiveHook, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
