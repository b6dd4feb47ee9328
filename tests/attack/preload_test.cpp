// SPDX-License-Identifier: Apache-2.0
// Family E, the case that others fell for (CVE-2025-23266, "NVIDIAScape"): under real runc a
// createContainer hook is given the environment of the image and stands in its root file system, so
// LD_PRELOAD makes the loader of a dynamic hook run code of the image as root of the host.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "integration/bundle.hpp"
#include "support/command.hpp"
#include "support/fake_root.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// The stage that runs the hook.
class Preload : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    for (const auto* name : {"/rootfs/proc", "/rootfs/sys", "/rootfs/dev", "/rootfs/etc"})
      bundle_.directory(name);
    fs::copy_file(NVHOOK_PROBE, bundle_.on_disk("/rootfs/probe"));
    bundle_.file("/rootfs/etc/debian_version", "12.0\n").directory("/rootfs/usr/bin");
    bundle_.directory(std::string("/rootfs") + kLibraryDirectory);
    // A hook stands in the root file system or in the bundle.
    for (const auto* name : {"/rootfs/evil.so", "/evil.so"})
      fs::copy_file(NVHOOK_EVIL_LIBRARY, bundle_.on_disk(name));
    ASSERT_EQ(run({"runc", "spec", "--bundle", bundle_.on_disk()}).status, 0);
    std::ifstream(bundle_.on_disk("/config.json")) >> config_;
    config_["process"]["terminal"] = false;
    config_["process"]["args"] = {"/probe", "/"};
    config_["root"]["readonly"] = false;
    for (const auto& entry : environment()) config_["process"]["env"].push_back(entry);
  }

  [[nodiscard]] std::vector<std::string> environment() const {
    return {"LD_PRELOAD=./evil.so",       "LD_AUDIT=./evil.so",
            "LD_LIBRARY_PATH=.",          "GLIBC_TUNABLES=glibc.malloc.check=3",
            "NVIDIA_VISIBLE_DEVICES=all", "NVHOOK_TEST_MARK=" + mark().string()};
  }
  [[nodiscard]] fs::path mark() const { return host_.on_disk("/mark"); }

  // Starts a container that has this hook.
  Finished start(const fs::path& program, std::vector<std::string> words) {
    nlohmann::json hook = {{"path", program}, {"timeout", 20}};
    words.insert(words.begin(), "hook");
    hook["args"] = std::move(words);
    // runc gives a createContainer hook without an environment the image's. To the others it gives
    // its own, and whoever started it may have made that of the image's.
    if (std::string(GetParam()) != "createContainer") hook["env"] = environment();
    config_["hooks"] = {{GetParam(), {hook}}};
    bundle_.file("/config.json", config_.dump());
    const auto id = bundle_.on_disk().filename().string();
    const auto done = run({"runc", "run", "--bundle", bundle_.on_disk(), id});
    run({"runc", "delete", "--force", id});  // there is one only if runc was interrupted
    return done;
  }
  Finished start_with_nvhook(std::vector<std::string> words) {
    auto all = nvhook_on(NVHOOK_SIMULATED_HOST, std::move(words));
    all.erase(all.begin());
    return start(NVHOOK_PROGRAM, std::move(all));
  }

  FakeRoot host_;
  FakeRoot bundle_;
  nlohmann::json config_;
};

TEST_P(Preload, E01_ADynamicHookRunsCodeOfTheImage) {
  const auto done = start(NVHOOK_DYNAMIC_HOOK, {});

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_TRUE(fs::exists(mark())) << "the attack is none";
}

#ifdef NVHOOK_IS_STATIC  // as it ships; a sanitized nvhook has a loader
TEST_P(Preload, E01_NvhookRunsNothingOfTheImage) {
  const bool in_container = std::string(GetParam()) == "createContainer";
  const auto done = start_with_nvhook({GetParam()});

  EXPECT_FALSE(fs::exists(mark()));
  EXPECT_EQ(done.status == 0, !in_container) << done.err;
  if (in_container) {
    EXPECT_THAT(done.err, HasSubstr("E_STAGE"));
  }
}

TEST_P(Preload, E01_NvhookThatIsNotToldTheStageRunsNothingOfTheImage) {
  const bool in_container = std::string(GetParam()) == "createContainer";
  const auto done = start_with_nvhook({});

  EXPECT_FALSE(fs::exists(mark()));
  EXPECT_EQ(done.status == 0, !in_container) << done.err;
  if (in_container) {
    EXPECT_THAT(done.err, HasSubstr("E_PID"));
  }
}
#endif

INSTANTIATE_TEST_SUITE_P(Stage, Preload,
                         ::testing::Values("createContainer", "createRuntime", "prestart"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace nvhook::test
