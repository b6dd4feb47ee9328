// SPDX-License-Identifier: Apache-2.0
// What containers leave in their roots that do not simply end: that change the loader's cache
// themselves, are killed, have no poststop hook.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <tuple>

#include "integration/gpu_bundle.hpp"
#include "integration/tree_picture.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Combine;
using ::testing::Contains;

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::TestParamInfo;
using ::testing::Values;

constexpr auto kCache = "/etc/ld.so.cache";

class Remains : public ::testing::TestWithParam<std::tuple<Layout, Engine>> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  }
  static Layout layout() { return std::get<Layout>(GetParam()); }
  static Engine engine() { return std::get<Engine>(GetParam()); }
};

TEST_P(Remains, OfAKilledContainerAreNone) {
  GpuBundle bundle("host", layout());
  bundle.use_hooks({"createRuntime", "poststop"});
  const auto before = picture_of(bundle.rootfs("/"));

  const auto pid = bundle.start_in(engine(), "sleep 600");
  ASSERT_GT(pid, 1);
  EXPECT_TRUE(fs::exists("/proc/" + std::to_string(pid) + "/root/dev/nvidia0"));
  EXPECT_THAT(differences(before, picture_of(bundle.rootfs("/"))),
              Contains(StartsWith("/usr/bin/nvidia-smi is new")));
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  bundle.delete_in(engine());

  EXPECT_THAT(differences(before, picture_of(bundle.rootfs("/"))), IsEmpty()) << bundle.log();
  EXPECT_TRUE(fs::is_empty("/run/nvhook")) << "a record";
}

TEST_P(Remains, OfAnEngineWithoutPoststopAreTakenAwayByCleanup) {
  GpuBundle bundle("host", layout());
  bundle.use_hooks({"createRuntime"});
  const auto before = picture_of(bundle.rootfs("/"));
  ASSERT_GT(bundle.start_in(engine(), "sleep 600"), 1);

  EXPECT_THAT(run({NVHOOK_PROGRAM, "cleanup"}).out, HasSubstr(bundle.id() + "\": still runs"));
  EXPECT_THAT(differences(before, picture_of(bundle.rootfs("/"))),
              Contains(StartsWith("/usr/bin/nvidia-smi is new")));
  bundle.delete_in(engine());
  const auto done = run({NVHOOK_PROGRAM, "cleanup"});

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr(" names taken away or put back\n"));
  EXPECT_THAT(differences(before, picture_of(bundle.rootfs("/"))), IsEmpty());
  EXPECT_TRUE(fs::is_empty("/run/nvhook")) << "a record";
}

std::string name_of(const TestParamInfo<Remains::ParamType>& each) {
  const auto& [layout, engine] = each.param;
  return std::string(name_of(layout)) + "_" + name_of(engine);
}

INSTANTIATE_TEST_SUITE_P(The, Remains,
                         Combine(Values(Layout::System, Layout::Tree),
                                 Values(Engine::Runc, Engine::Crun)),
                         [](const auto& each) { return name_of(each); });

class RemainsOfLdconfig : public ::testing::TestWithParam<Layout> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  }
};

// Run by the container itself, it changes what its loader knows, and the driver is found still.
TEST_P(RemainsOfLdconfig, AreWhatItWroteAndNoMore) {
  GpuBundle bundle("minbase", GetParam());
  bundle.use_hooks({"createRuntime", "poststop"});
  auto before = picture_of(bundle.rootfs("/"));

  const auto done = bundle.run_in_runc(
      "ldconfig && dlopen-probe libcuda.so.1 libnvidia-ml.so.1 && md5sum /etc/ld.so.cache");

  EXPECT_EQ(done.status, 0) << done.out << done.err << bundle.log();
  const auto* const directory =
      GetParam() == Layout::Tree ? kTreeLibraries : "/lib/x86_64-linux-gnu";
  EXPECT_THAT(done.out, StartsWith(GpuBundle::found_in(directory)));
  const auto sum = run({"md5sum", bundle.rootfs(kCache)}).out.substr(0, 32);
  EXPECT_THAT(done.out, HasSubstr(sum + "  /etc/ld.so.cache"));
  auto after = picture_of(bundle.rootfs("/"));
  for (const auto* name : {kCache, "/var/cache/ldconfig/aux-cache"}) {
    before.erase(name);
    after.erase(name);
  }
  EXPECT_THAT(differences(before, after), IsEmpty());
  EXPECT_TRUE(fs::is_empty("/run/nvhook")) << "a record";
}

INSTANTIATE_TEST_SUITE_P(The, RemainsOfLdconfig, Values(Layout::System, Layout::Tree),
                         [](const auto& each) { return std::string(name_of(each.param)); });

}  // namespace
}  // namespace nvhook::test
