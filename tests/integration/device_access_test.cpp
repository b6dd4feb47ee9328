// SPDX-License-Identifier: Apache-2.0
// What containers of real engines may do with devices, on cgroup v1 and v2.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "integration/engine.hpp"
#include "support/device_programs.hpp"
#include "support/etc_with.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Combine;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Values;

// c 203:0 and 203:1 are the processors' cpuid devices: they open and read where they are allowed.
constexpr auto kHostThatOpens = NVHOOK_SIMULATED_HOST "-203";

struct Where {
  Engine engine;
  CgroupView cgroups;
};

std::string name_of(const Where& where) {
  return std::string(where.engine == Engine::Runc ? "Runc" : "Crun") +
         (where.cgroups == CgroupView::V1 ? "OnV1" : "OnV2");
}
void PrintTo(const Where& where, std::ostream* out) { *out << name_of(where); }

constexpr Where kEverywhere[] = {{Engine::Runc, CgroupView::V1},
                                 {Engine::Crun, CgroupView::V1},
                                 {Engine::Runc, CgroupView::V2},
                                 {Engine::Crun, CgroupView::V2}};

// Opens each of the nodes for reading and writing, and says how that ended.
std::string try_to_open(const std::string& nodes) {
  return "for node in " + nodes + "; do (exec 3<>/dev/$node) 2>&1; done\n";
}

class DeviceAccess : public ::testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
    bundle_ = new_bundle();
  }

  // A container that may make nodes.
  static std::unique_ptr<EngineBundle> new_bundle() {
    auto bundle = std::make_unique<EngineBundle>("busybox");
    bundle->cgroups = GetParam().cgroups;
    for (const auto* set : {"bounding", "effective", "permitted"})
      bundle->config["process"]["capabilities"][set].push_back("CAP_MKNOD");
    return bundle;
  }
  static void ask_for(EngineBundle& bundle, const std::string& gpus,
                      const fs::path& host = NVHOOK_SIMULATED_HOST) {
    bundle.config["hooks"]["createRuntime"] = {hook_entry("createRuntime", host)};
    bundle.env("NVIDIA_VISIBLE_DEVICES=" + gpus);
  }
  Finished run_in(const std::string& script) { return bundle_->run_in(GetParam().engine, script); }

  std::unique_ptr<EngineBundle> bundle_;
};

// What engines leave of a path that they have made: the directories above the container's.
void remove_cgroups(const std::string& top) {
  const FakeRoot scratch;
  const auto v2 = scratch.on_disk();
  ASSERT_EQ(::mount("cgroup2", v2.c_str(), "cgroup2", 0, nullptr), 0);
  std::vector<fs::path> hierarchies = {v2};
  for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup"))
    hierarchies.push_back(entry.path());
  for (const auto& hierarchy : hierarchies)
    for (const auto* below : {"/a.slice/b:c", "/a.slice", ""})
      ::rmdir((hierarchy.string() + top + below).c_str());
  ::umount2(v2.c_str(), MNT_DETACH);
}

constexpr auto kNoDevice = ": No such device or address";  // allowed, and no driver behind it
constexpr auto kForbidden = ": Operation not permitted";

TEST_P(DeviceAccess, IsForTheOneGpuThatWasAskedFor) {
  ask_for(*bundle_, "0");

  const auto done =
      run_in("mknod /dev/other c 195 1; mknod /dev/third c 195 2; mknod /dev/block b 195 0\n" +
             try_to_open("nvidia0 nvidiactl other third block") + "echo x >/dev/null && echo fine");

  EXPECT_EQ(done.status, 0) << done.err;
  for (const std::string node : {"/dev/nvidia0", "/dev/nvidiactl"})
    EXPECT_THAT(done.out, HasSubstr(node + kNoDevice));
  for (const std::string node : {"/dev/other", "/dev/third", "/dev/block"})
    EXPECT_THAT(done.out, HasSubstr(node + kForbidden));
  EXPECT_THAT(done.out, HasSubstr("fine"));
}

TEST_P(DeviceAccess, IsForAllGpusThatThereAre) {
  ask_for(*bundle_, "all");

  const auto done = run_in("mknod /dev/third c 195 2\n" +
                           try_to_open("nvidia0 nvidia1 nvidiactl nvidia-uvm third"));

  for (const std::string node : {"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl"})
    EXPECT_THAT(done.out, HasSubstr(node + kNoDevice));
  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/third") + kForbidden));
}

TEST_P(DeviceAccess, IsOfUseWhereADriverIsBehindIt) {
  ask_for(*bundle_, "0", kHostThatOpens);

  const auto done = run_in(
      "mknod /dev/other c 203 1; head -c 16 /dev/nvidia0 | wc -c; head -c 16 /dev/other 2>&1");

  EXPECT_THAT(done.out, HasSubstr("16\n"));
  EXPECT_THAT(done.out, HasSubstr("/dev/other"));
  EXPECT_THAT(done.out, HasSubstr("Operation not permitted"));
}

// The control: without the hook nothing of this opens.
TEST_P(DeviceAccess, IsForNothingWithoutTheHook) {
  const auto done = run_in("mknod /dev/nvidia0 c 195 0\n" + try_to_open("nvidia0"));

  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/nvidia0") + kForbidden));
}

TEST_P(DeviceAccess, IsWhatAPrivilegedContainerHasAnyway) {
  bundle_->config["linux"]["resources"]["devices"] = {{{"allow", true}, {"access", "rwm"}}};
  ask_for(*bundle_, "0");

  const auto done = run_in("mknod /dev/other c 195 1\n" + try_to_open("nvidia0 nvidiactl other"));

  for (const std::string node : {"/dev/nvidia0", "/dev/nvidiactl", "/dev/other"})
    EXPECT_THAT(done.out, HasSubstr(node + kNoDevice));
}

// The file of NVIDIA's container toolkit says so.
TEST_P(DeviceAccess, IsLeftToWhoeverMakesTheContainer) {
  const EtcWith etc("/nvidia-container-runtime/config.toml",
                    "[nvidia-container-cli]\nno-cgroups = true\n");
  ask_for(*bundle_, "0");

  const auto done = run_in(try_to_open("nvidia0 nvidiactl"));

  for (const std::string node : {"/dev/nvidia0", "/dev/nvidiactl"})
    EXPECT_THAT(done.out, HasSubstr(node + kForbidden)) << done.err;
}

// The rules of config.json stay what they are.
TEST_P(DeviceAccess, AddsToWhatTheContainerHas) {
  bundle_->config["linux"]["resources"]["devices"] = {
      {{"allow", false}, {"access", "rwm"}},
      {{"allow", true}, {"type", "c"}, {"major", 195}, {"minor", 7}, {"access", "r"}}};
  ask_for(*bundle_, "1");

  const auto done = run_in(
      "mknod /dev/seven c 195 7\n"
      "(exec 3</dev/seven) 2>&1; (exec 3>/dev/seven) 2>&1; (exec 3<>/dev/nvidia1) 2>&1");

  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/seven") + kNoDevice));
  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/seven") + kForbidden));
  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/nvidia1") + kNoDevice));
}

TEST_P(DeviceAccess, ReachesACgroupFarDown) {
  const auto top = "/nvhook-" + bundle_->id();
  bundle_->config["linux"]["cgroupsPath"] = top + "/a.slice/b:c/inner";
  ask_for(*bundle_, "0");

  const auto done = run_in("mknod /dev/other c 195 1\n" + try_to_open("nvidia0 other"));

  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/nvidia0") + kNoDevice)) << done.err;
  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/other") + kForbidden));
  remove_cgroups(top);
}

// Users of the container are others of the host, and the image is theirs.
TEST_P(DeviceAccess, IsTheSameInAUserNamespace) {
  auto& config = bundle_->config;
  const auto rootfs = bundle_->path() / "rootfs";
  ASSERT_EQ(run({"chown", "--recursive", "--no-dereference", "100000:100000", rootfs}).status, 0);
  fs::permissions(bundle_->path(), fs::perms{0755});
  config["linux"]["namespaces"].push_back({{"type", "user"}});
  for (const auto* map : {"uidMappings", "gidMappings"})
    config["linux"][map] = {{{"containerID", 0}, {"hostID", 100'000}, {"size", 65536}}};
  // Nobody makes nodes in a user namespace.
  config["mounts"].push_back({{"destination", "/dev/other"},
                              {"type", "bind"},
                              {"source", NVHOOK_SIMULATED_HOST "/dev/nvidia1"},
                              {"options", {"bind"}}});
  ask_for(*bundle_, "0");

  const auto done = run_in(try_to_open("nvidia0 nvidiactl other"));

  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/nvidia0") + kNoDevice)) << done.err;
  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/nvidiactl") + kNoDevice));
  EXPECT_THAT(done.out, HasSubstr(std::string("/dev/other") + kForbidden));
}

INSTANTIATE_TEST_SUITE_P(Of, DeviceAccess, ::testing::ValuesIn(kEverywhere),
                         [](const auto& each) { return name_of(each.param); });

// How many containers: NVHOOK_CONTAINERS=1000 is the whole, with 50 at once.
int number_of_containers() {
  const char* const wanted = std::getenv("NVHOOK_CONTAINERS");
  return wanted == nullptr ? 24 : std::atoi(wanted);
}

// Programs go after a grace period of the kernel's.
bool goes_away(std::uint32_t program) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (device_program_by_id(program)) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

class ManyContainers : public DeviceAccess {
 protected:
  // Runs one whose hook writes down, behind nvhook, which programs are attached then.
  void run_one(EngineBundle& bundle) {
    const auto notes = notes_of(bundle).string();
    const auto nvhook = hook_entry("createRuntime");
    std::string command;
    for (const auto& word : nvhook["args"]) command += word.get<std::string>() + " ";
    command.replace(0, std::string_view("nvhook").size(), NVHOOK_PROGRAM);
    command += "&& " NVHOOK_DUMP_DEVICE_PROGRAMS " /sys/fs/cgroup/" + bundle.id() + " >" + notes +
               ".new && cat " + notes + ".new >>" + notes;
    bundle.config["hooks"]["poststop"] = {hook_entry("poststop")};
    bundle.config["hooks"]["createRuntime"] = {
        {{"path", "/bin/sh"}, {"args", {"sh", "-c", command}}, {"env", {"PATH=/usr/bin:/bin"}}}};
    const auto before = programs_noted(bundle).size();

    const auto done =
        bundle.run_in(GetParam().engine, "(exec 3<>/dev/nvidia0) 2>&1; ls -l /dev/nvidia0");

    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.out, HasSubstr(kNoDevice));
    const auto attached = GetParam().cgroups == CgroupView::V2 ? 1U : 0U;
    EXPECT_EQ(programs_noted(bundle).size(), before + attached);
  }
  [[nodiscard]] fs::path notes_of(const EngineBundle& bundle) const {
    return scratch_.on_disk("/" + bundle.id());
  }
  [[nodiscard]] std::vector<std::uint32_t> programs_noted(const EngineBundle& bundle) const {
    std::vector<std::uint32_t> ids;
    std::ifstream notes(notes_of(bundle));
    for (std::string line; std::getline(notes, line);)
      if (unsigned id = 0; std::sscanf(line.c_str(), "# program %u", &id) == 1) ids.push_back(id);
    return ids;
  }
  void expect_nothing_left(const EngineBundle& bundle) {
    EXPECT_FALSE(fs::exists(hierarchy_ / bundle.id()));
    for (const auto& name : bundle.written())
      EXPECT_THAT(name, Not(HasSubstr(".nvhook-"))) << "a temporary name";
    for (const auto id : programs_noted(bundle)) EXPECT_TRUE(goes_away(id)) << "program " << id;
    EXPECT_TRUE(fs::is_empty("/run/nvhook")) << "records";
  }
  void SetUp() override {
    DeviceAccess::SetUp();
    if (IsSkipped() || GetParam().cgroups == CgroupView::V1) return;
    hierarchy_ = scratch_.directory("/v2").on_disk("/v2");
    ASSERT_EQ(::mount("cgroup2", hierarchy_.c_str(), "cgroup2", 0, nullptr), 0);
  }
  void TearDown() override {
    if (GetParam().cgroups == CgroupView::V2) ::umount2(hierarchy_.c_str(), MNT_DETACH);
    DeviceAccess::TearDown();
  }

  FakeRoot scratch_;
  fs::path hierarchy_ = "/sys/fs/cgroup/devices";
};

TEST_P(ManyContainers, LeaveNothingOneAfterTheOther) {
  ask_for(*bundle_, "0");
  const int count = number_of_containers();

  for (int i = 0; i < count && !HasFailure(); ++i) run_one(*bundle_);

  expect_nothing_left(*bundle_);
}

TEST_P(ManyContainers, LeaveNothingAtOnce) {
  const int count = number_of_containers() >= 1000 ? 50 : 6;
  std::vector<std::unique_ptr<EngineBundle>> bundles;
  for (int i = 0; i < count; ++i) {
    bundles.push_back(new_bundle());
    ask_for(*bundles.back(), "0");
  }

  std::vector<std::future<void>> running;
  for (auto& bundle : bundles)
    running.push_back(std::async(std::launch::async, [&] { run_one(*bundle); }));
  for (auto& one : running) one.get();

  for (const auto& bundle : bundles) expect_nothing_left(*bundle);
}

INSTANTIATE_TEST_SUITE_P(Of, ManyContainers, ::testing::ValuesIn(kEverywhere),
                         [](const auto& each) { return name_of(each.param); });

}  // namespace
}  // namespace nvhook::test
