// SPDX-License-Identifier: Apache-2.0
// What containers may open of a host with sixteen GPUs, MIG devices, and devices beside them.
#include <gmock/gmock.h>

#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "integration/engine.hpp"

namespace nvhook::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr auto kHost = NVHOOK_SIMULATED_HOST "-16";
constexpr auto kLastGpu = "GPU-6dfc0f0f-51d1-4a00-8000-00000000000f";

// The numbers of the simulated driver's nodes that are not a GPU's.
constexpr int kCaps = 508;
constexpr int kChannels = 507;

// nvidia-cap<minor> of the host: those that partition and monitor, then each instance with its
// compute instances.
const std::vector<int> kControls = {1, 2};
const std::vector<int> kInstancesOfFirst = {66, 67,  75,  76,  84,  85,  93,
                                            94, 102, 103, 111, 112, 120, 121};
const std::vector<int> kInstancesOfLast = {2037, 2038, 2073, 2074, 2075, 2145, 2146};

// The last that GPU 2 can have, first and last of GPU 3, the first of GPU 4: none of them is there.
const std::vector<int> kPossibleOfFourth = {407, 408, 542, 543};

struct Opened {
  Finished done;
  std::set<std::string> there;    // in /dev/nvidia-caps and /dev/nvidia-caps-imex-channels
  std::set<std::string> allowed;  // "508:66", whoever made the node
};

class Devices : public ::testing::TestWithParam<CgroupView> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
    bundle_ = std::make_unique<EngineBundle>("busybox");
    bundle_->cgroups = GetParam();
    add_capability("CAP_MKNOD");
    bundle_->config["hooks"]["createRuntime"] = {hook_entry("createRuntime", kHost)};
    bundle_->config["hooks"]["poststop"] = {hook_entry("poststop", kHost)};
  }
  void add_capability(const std::string& name) {
    for (const auto* set : {"bounding", "effective", "permitted"})
      bundle_->config["process"]["capabilities"][set].push_back(name);
  }

  // Starts the container and tries every device of the host that it could get, by a node of its own
  // making: what it has been given is not the question, but what it may open.
  Opened run() {
    std::ostringstream script;
    const auto attempt = [&](int major, int minor) {
      script
          << "rm -f /tmp/node; mknod /tmp/node c " << major << ' ' << minor
          << "; case $( (exec 3<>/tmp/node) 2>&1) in *'No such device or address'*) echo allowed "
          << major << ':' << minor << ";; esac\n";
    };
    script << "mkdir -p /tmp; for each in /dev/nvidia-caps*/*; do echo there ${each#/dev/}; done\n";
    for (int gpu = 0; gpu < 16; ++gpu) attempt(195, gpu);
    for (const auto* minors : {&kControls, &kInstancesOfFirst, &kInstancesOfLast})
      for (const int minor : *minors) attempt(kCaps, minor);
    for (const int minor : kPossibleOfFourth) attempt(kCaps, minor);
    for (const int channel : {0, 3}) attempt(kChannels, channel);
    attempt(506, 0);
    attempt(231, 192);

    Opened opened{.done = bundle_->run_in_runc(script.str()), .there = {}, .allowed = {}};
    EXPECT_EQ(opened.done.status, 0) << opened.done.err;
    std::istringstream lines(opened.done.out);
    for (std::string word, value; lines >> word >> value;)
      (word == "there" ? opened.there : opened.allowed).insert(value);
    opened.there.erase("nvidia-caps*/*");  // the shell's, where nothing is
    return opened;
  }

  static std::set<std::string> numbers(const std::vector<int>& minors, int major = kCaps) {
    std::set<std::string> numbers;
    for (const int minor : minors)
      numbers.insert(std::to_string(major) + ":" + std::to_string(minor));
    return numbers;
  }

  std::unique_ptr<EngineBundle> bundle_;
};

TEST_P(Devices, OfAMigDeviceAreItsGpuAndItsOwnInstancesAlone) {
  bundle_->env("NVIDIA_VISIBLE_DEVICES=0:1");

  const auto opened = run();

  EXPECT_THAT(opened.there, ElementsAre("nvidia-caps/nvidia-cap75", "nvidia-caps/nvidia-cap76"));
  EXPECT_THAT(opened.allowed, ElementsAre("195:0", "508:75", "508:76"));
}

TEST_P(Devices, OfAMigDeviceByItsInstancesAreThose) {
  bundle_->env(std::string("NVIDIA_VISIBLE_DEVICES=MIG-") + kLastGpu + "/5/1");

  const auto opened = run();

  EXPECT_THAT(opened.there,
              ElementsAre("nvidia-caps/nvidia-cap2073", "nvidia-caps/nvidia-cap2075"));
  EXPECT_THAT(opened.allowed, ElementsAre("195:15", "508:2073", "508:2075"));
}

TEST_P(Devices, OfAMigDeviceThatThereIsNotAreNone) {
  bundle_->env("NVIDIA_VISIBLE_DEVICES=0:7");

  const auto done = bundle_->run_in_runc("true");

  EXPECT_NE(done.status, 0);
  EXPECT_THAT(done.err, HasSubstr("E_REQ_DEVICE: there is no MIG device 0:7 on this host"));
}

TEST_P(Devices, OfAWholeGpuAreAllOfItsInstances) {
  bundle_->env("NVIDIA_VISIBLE_DEVICES=0");

  auto expected = numbers(kInstancesOfFirst);
  expected.insert("195:0");
  EXPECT_EQ(run().allowed, expected);
}

TEST_P(Devices, OfAnUnpartitionedGpuMakeNoDirectory) {
  bundle_->env("NVIDIA_VISIBLE_DEVICES=3");

  const auto opened = run();

  EXPECT_THAT(opened.there, IsEmpty());
  EXPECT_THAT(opened.allowed, ElementsAre("195:3"));
}

TEST_P(Devices, OfAllSixteenGpusAreAllInstances) {
  bundle_->env("NVIDIA_VISIBLE_DEVICES=all");

  const auto opened = run();

  auto expected = numbers(kInstancesOfFirst);
  expected.merge(numbers(kInstancesOfLast));
  EXPECT_EQ(opened.there.size(), expected.size());
  for (int gpu = 0; gpu < 16; ++gpu) expected.insert("195:" + std::to_string(gpu));
  EXPECT_EQ(opened.allowed, expected);
}

TEST_P(Devices, ThatPartitionAndMonitorComeToAPrivilegedContainer) {
  add_capability("CAP_SYS_ADMIN");
  bundle_->env("NVIDIA_VISIBLE_DEVICES=3");
  bundle_->env("NVIDIA_MIG_CONFIG_DEVICES=all");
  bundle_->env("NVIDIA_MIG_MONITOR_DEVICES=all");

  const auto opened = run();

  // With the directory as it is on the host, where nodes come when instances are made.
  auto there = numbers(kInstancesOfFirst).size() + numbers(kInstancesOfLast).size() + 2;
  EXPECT_EQ(opened.there.size(), there);
  EXPECT_THAT(opened.there, IsSupersetOf({"nvidia-caps/nvidia-cap1", "nvidia-caps/nvidia-cap2"}));
  EXPECT_THAT(opened.allowed, ElementsAre("195:3", "508:1", "508:2", "508:408", "508:542"));
}

TEST_P(Devices, YetToBeMadeComeWithTheHostsDirectoryWhichNobodyCanWriteTo) {
  add_capability("CAP_SYS_ADMIN");
  bundle_->env("NVIDIA_VISIBLE_DEVICES=3");
  bundle_->env("NVIDIA_MIG_CONFIG_DEVICES=all");

  const auto done = bundle_->run_in_runc(
      "mknod /dev/nvidia-caps/nvidia-cap408 c 508 408 2>&1; grep -c ' /dev/nvidia-caps' "
      "/proc/self/mountinfo; exec 3<>/dev/nvidia-caps/nvidia-cap1");

  EXPECT_THAT(done.out, HasSubstr("Read-only file system\n1\n"));
  EXPECT_THAT(done.err, HasSubstr("No such device or address"));
}

TEST_P(Devices, OfImexAreTheChannelsAskedFor) {
  bundle_->env("NVIDIA_VISIBLE_DEVICES=none");
  bundle_->env("NVIDIA_IMEX_CHANNELS=3");

  const auto opened = run();

  EXPECT_THAT(opened.there, ElementsAre("nvidia-caps-imex-channels/channel3"));
  EXPECT_THAT(opened.allowed, ElementsAre("507:3"));
}

TEST_P(Devices, OfFeaturesAreThoseAskedFor) {
  bundle_->env("NVIDIA_VISIBLE_DEVICES=none");
  bundle_->env("NVIDIA_MOFED=enabled");
  bundle_->env("NVIDIA_GDRCOPY=enabled");

  const auto opened = run();

  EXPECT_THAT(opened.allowed, ElementsAre("231:192"));
}

TEST_P(Devices, OfGdsComeWithWhatItsLibraryReads) {
  bundle_->env("NVIDIA_VISIBLE_DEVICES=none");
  bundle_->env("NVIDIA_GDS=enabled");

  const auto done = bundle_->run_in_runc(
      "ls /dev/nvidia-fs0; cat /etc/cufile.json; ls /run/udev; touch /run/udev/x 2>&1");

  EXPECT_EQ(done.out,
            "/dev/nvidia-fs0\n{\"logging\": {\"level\": \"ERROR\"}}\ndata\n"
            "touch: /run/udev/x: Read-only file system\n")
      << done.err;
}

// Where the runtime mounts nothing at /dev, the directory is made in the image.
TEST_P(Devices, OfAnImagesOwnDevAreTakenAwayWithTheirDirectory) {
  auto& mounts = bundle_->config["mounts"];
  for (auto mount = mounts.begin(); mount != mounts.end();)
    mount = (*mount)["destination"].get<std::string>().starts_with("/dev") ? mounts.erase(mount)
                                                                           : mount + 1;
  bundle_->env("NVIDIA_VISIBLE_DEVICES=0");

  const auto opened = run();

  EXPECT_EQ(opened.there.size(), kInstancesOfFirst.size());
  for (const auto& name : bundle_->written()) EXPECT_THAT(name, Not(HasSubstr("nvidia")));
}

INSTANTIATE_TEST_SUITE_P(Of, Devices, ::testing::Values(CgroupView::V1, CgroupView::V2),
                         [](const auto& each) {
                           return each.param == CgroupView::V1 ? "CgroupV1" : "CgroupV2";
                         });

}  // namespace
}  // namespace nvhook::test
