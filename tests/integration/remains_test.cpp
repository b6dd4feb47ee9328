// SPDX-License-Identifier: Apache-2.0
// What containers leave in their roots that do not simply end: that change the loader's cache
// themselves, are killed, have no poststop hook.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <thread>
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

// Started again before anybody has cleaned up.
TEST_P(Remains, OfTwoRunsAreTakenAwayByCleanup) {
  GpuBundle bundle("host", layout());
  bundle.use_hooks({"createRuntime"});
  const auto before = picture_of(bundle.rootfs("/"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(bundle.look_for_libraries(engine()).status, 0);

  EXPECT_EQ(run({NVHOOK_PROGRAM, "cleanup"}).status, 0);

  EXPECT_THAT(differences(before, picture_of(bundle.rootfs("/"))), IsEmpty());
}

void wait_for(const fs::path& file) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!fs::exists(file) && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// Two containers of one root, as tasks of one job have it: what the first has made is mounted over
// in the second, too.
class SharedRoot : public Remains {
 protected:
  void SetUp() override {
    Remains::SetUp();
    if (IsSkipped()) return;
    first_ = std::make_unique<GpuBundle>("host", layout());
    second_ = std::make_unique<GpuBundle>("host", layout());
    second_->config["root"]["path"] = first_->rootfs("/");
    second_->env("NVIDIA_DRIVER_CAPABILITIES=all");  // another cache
    before_ = picture();
  }
  void start(const std::vector<std::string>& stages) {
    for (auto* const bundle : {first_.get(), second_.get()}) {
      bundle->use_hooks(stages);
      // Says what it finds when it is asked.
      const auto name = bundle->id();
      ASSERT_GT(
          bundle->start_in(engine(), "cd /tmp; until test -e " + name +
                                         "; do sleep 0.02; done; dlopen-probe libcuda.so.1 "
                                         "libnvidia-ml.so.1 >found 2>&1; nvidia-smi -L >>found "
                                         "2>&1; touch done; sleep 600"),
          1);
    }
  }
  [[nodiscard]] TreePicture picture() const { return picture_of(first_->rootfs("/")); }
  // What a container that runs finds now; its root is as before then.
  std::string found_by(const GpuBundle& bundle) {
    first_->write("/tmp/" + bundle.id(), "");
    wait_for(first_->rootfs("/tmp/done"));
    auto found = first_->read("/tmp/found");
    for (const auto& name : {bundle.id(), std::string("found"), std::string("done")})
      fs::remove(first_->rootfs("/tmp/" + name));
    return found;
  }
  static std::string driver() {
    return GpuBundle::found_in(layout() == Layout::Tree ? kTreeLibraries
                                                        : "/usr/lib/x86_64-linux-gnu") +
           "GPU 0: ";
  }

  std::unique_ptr<GpuBundle> first_;
  std::unique_ptr<GpuBundle> second_;
  TreePicture before_;
};

TEST_P(SharedRoot, IsSweptWhenTheLastContainerHasStopped) {
  for (const bool in_order : {true, false}) {
    SCOPED_TRACE(in_order ? "the first stops first" : "the second stops first");
    ASSERT_NO_FATAL_FAILURE(start({"createRuntime", "poststop"}));
    auto& one = in_order ? *first_ : *second_;
    auto& other = in_order ? *second_ : *first_;

    one.delete_in(engine());
    EXPECT_THAT(found_by(other), StartsWith(driver()));
    other.delete_in(engine());

    EXPECT_THAT(differences(before_, picture()), IsEmpty()) << one.log() << other.log();
    EXPECT_TRUE(fs::is_empty("/run/nvhook")) << "a record";
  }
}

TEST_P(SharedRoot, IsLeftAloneByCleanupWhileAContainerUsesIt) {
  start({"createRuntime"});

  first_->delete_in(engine());
  EXPECT_THAT(run({NVHOOK_PROGRAM, "cleanup"}).out,
              HasSubstr(first_->id() + "\": another container uses its root file system"));
  EXPECT_THAT(found_by(*second_), StartsWith(driver()));
  second_->delete_in(engine());
  EXPECT_EQ(run({NVHOOK_PROGRAM, "cleanup"}).status, 0);

  EXPECT_THAT(differences(before_, picture()), IsEmpty());
  EXPECT_TRUE(fs::is_empty("/run/nvhook")) << "a record";
}

// As the tasks of a job start, and end.
TEST_P(SharedRoot, TakesContainersAllAtOnce) {
  std::vector<std::unique_ptr<GpuBundle>> bundles;
  for (int i = 0; i < 6; ++i) {
    bundles.push_back(std::make_unique<GpuBundle>("host", layout()));
    bundles.back()->config["root"]["path"] = first_->rootfs("/");
    bundles.back()->use_hooks({"createRuntime", "poststop"});
  }
  std::vector<std::future<Finished>> running;
  for (auto& bundle : bundles)
    running.push_back(
        std::async(std::launch::async, [&] { return bundle->look_for_libraries(engine()); }));
  for (std::size_t i = 0; i < running.size(); ++i) {
    const auto done = running[i].get();
    EXPECT_EQ(done.status, 0) << done.out << done.err << bundles[i]->log();
  }

  EXPECT_THAT(differences(before_, picture()), IsEmpty());
  EXPECT_TRUE(fs::is_empty("/run/nvhook")) << "a record";
}

std::string name_of(const TestParamInfo<Remains::ParamType>& each) {
  const auto& [layout, engine] = each.param;
  return std::string(name_of(layout)) + "_" + name_of(engine);
}

INSTANTIATE_TEST_SUITE_P(The, SharedRoot,
                         Combine(Values(Layout::System, Layout::Tree),
                                 Values(Engine::Runc, Engine::Crun)),
                         [](const auto& each) { return name_of(each); });
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
