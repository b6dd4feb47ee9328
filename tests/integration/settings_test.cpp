// SPDX-License-Identifier: Apache-2.0
// Where the settings of a run come from, and what they forbid it.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "integration/bundle.hpp"
#include "support/etc_with.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kOurs = "/nvhook/config.toml";
constexpr auto kNvidias = "/nvidia-container-runtime/config.toml";
constexpr auto kNoCgroups = "[nvidia-container-cli]\nno-cgroups = true\n";
constexpr auto kRecords = "/run/nvhook";

class SettingsOfARun : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    container_ = std::make_unique<TestContainer>(bundle_.root().on_disk());
    rules_ = container_->device_rules();
  }

  // A file with these settings.
  std::string named(std::string_view text) {
    settings_.file("/named.toml", text);
    return settings_.on_disk("/named.toml").string();
  }

  static json record() {
    for (const auto& entry : fs::directory_iterator(kRecords)) {
      std::string line;
      std::ifstream in(entry.path());
      std::getline(in, line);
      return json::parse(line);
    }
    return nullptr;
  }

  static std::vector<std::string> warnings_of(const json& plan) {
    std::vector<std::string> ids;
    for (const auto& warning : plan["warnings"]) ids.push_back(warning["id"]);
    return ids;
  }

  Bundle bundle_;
  FakeRoot settings_;
  std::unique_ptr<TestContainer> container_;
  std::string rules_;  // of the container's device cgroup
};

TEST_F(SettingsOfARun, LeaveTheCgroupAlone) {
  for (const auto& record : fs::directory_iterator(kRecords)) fs::remove(record);

  const auto done =
      bundle_.hook(*container_, {"--config", named("[container]\ncgroups = false\n")});

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("nvhook: W_NO_CGROUP: the device cgroup is left alone"));
  EXPECT_EQ(container_->device_rules(), rules_);
  EXPECT_THAT(mounts_below(container_->mountinfo(), bundle_.root().on_disk()),
              Contains(::testing::Field(&MountLine::point, "/dev/nvidia0")));
  EXPECT_THAT(record()["devices"], IsEmpty());

  const auto again = run({NVHOOK_PROGRAM, "reapply", "--pid", std::to_string(container_->pid())});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_THAT(again.out, StartsWith("nothing to do: "));
  EXPECT_EQ(container_->device_rules(), rules_);
}

TEST_F(SettingsOfARun, LeaveTheCgroupAloneInEveryPlan) {
  const auto config = named("[container]\ncgroups = false\n");
  bundle_.write();

  const auto of_container =
      bundle_.hook(*container_, {"--dry-run", "--format", "json", "--config", config});
  const auto of_bundle =
      run(nvhook_on(NVHOOK_SIMULATED_HOST, {"--dry-run", "--format", "json", "--bundle",
                                            bundle_.path(), "--config", config}));

  for (const auto& done : {of_container, of_bundle}) {
    ASSERT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(warnings_of(json::parse(done.out)), Contains("W_NO_CGROUP"));
  }
  EXPECT_THAT(warnings_of(bundle_.plan(*container_)), Not(Contains("W_NO_CGROUP")));
  EXPECT_EQ(container_->device_rules(), rules_);
}

TEST_F(SettingsOfARun, AreNvidiasWhereThereAreNoneOfOurs) {
  const EtcWith etc(kNvidias, kNoCgroups);

  const auto done = bundle_.hook(*container_);
  const auto config = run({NVHOOK_PROGRAM, "config"});

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(container_->device_rules(), rules_);
  EXPECT_THAT(config.out, StartsWith("# /etc/nvidia-container-runtime/config.toml; "));
  EXPECT_THAT(config.out, HasSubstr("# /etc/nvidia-container-runtime/config.toml:2\n"));
}

TEST_F(SettingsOfARun, AreOursWhereThereAreBoth) {
  const EtcWith nvidias(kNvidias, kNoCgroups);
  const EtcWith ours(kOurs, "[nvml]\ndeadline = 3\n");

  const auto done = bundle_.hook(*container_);
  const auto config = run({NVHOOK_PROGRAM, "config"});

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(container_->device_rules(), rules_);
  EXPECT_THAT(config.out, StartsWith("# /etc/nvhook/config.toml; "));
  EXPECT_THAT(config.out, HasSubstr("# /etc/nvhook/config.toml:2\n"));
  EXPECT_THAT(config.out, Not(HasSubstr("nvidia-container-runtime")));
}

TEST_F(SettingsOfARun, AreThoseOfTheNamedFileAlone) {
  const EtcWith nvidias(kNvidias, kNoCgroups);

  const auto done = bundle_.hook(*container_, {"--config", named("")});

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(container_->device_rules(), rules_);
}

TEST_F(SettingsOfARun, EndItWhereNvidiasFileIsWrong) {
  const EtcWith etc(kNvidias, "disable-require = false\nswarm-resource = \"A=B\"\n");

  const auto done = bundle_.hook(*container_);

  EXPECT_EQ(done.status, 2);
  EXPECT_THAT(done.err, StartsWith("nvhook: E_CONFIG: /etc/nvidia-container-runtime/config.toml:2: "
                                   "swarm-resource[0] is \"A=B\", the name of a variable is due"));
  EXPECT_EQ(container_->device_rules(), rules_);
}

}  // namespace
}  // namespace nvhook::test
