// SPDX-License-Identifier: Apache-2.0
// What containers ask for, through the whole program.
#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <vector>

#include "integration/bundle.hpp"

namespace nvhook::test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Requests : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }

  void make_privileged() {
    bundle_.config["process"]["capabilities"]["bounding"] = {"CAP_CHOWN", "CAP_SYS_ADMIN"};
  }

  Finished dry_run(const std::string& format,
                   const std::filesystem::path& host = NVHOOK_SIMULATED_HOST) {
    bundle_.write();
    return run(nvhook_on(host, {"--dry-run", "--format", format, "--bundle", bundle_.path()}));
  }

  Bundle bundle_;
};

TEST_F(Requests, OfAPrivilegedBundleAreShownByADryRun) {
  FakeRoot work;
  const auto host = work.on_disk("/partitioned");
  const auto made = run({NVHOOK_SIMULATED_DRIVER, host, "--mig", "0=7/0"});
  ASSERT_EQ(made.status, 0) << made.err;
  make_privileged();
  bundle_.env("NVIDIA_MIG_MONITOR_DEVICES=all");
  bundle_.env("NVIDIA_REQUIRE_CUDA=cuda>=12.0 brand=tesla");

  const auto as_json = dry_run("json", host);
  const auto as_text = dry_run("text", host);

  ASSERT_EQ(as_json.status, 0) << as_json.err;
  const auto request = json::parse(as_json.out)["request"];
  EXPECT_EQ(request["privileged"], true);
  EXPECT_EQ(request["mig_monitor"], true);
  EXPECT_EQ(request["mig_config"], false);
  EXPECT_EQ(request["requirements"], json({"cuda>=12.0 brand=tesla"}));
  EXPECT_THAT(as_text.out, AllOf(HasSubstr("\nrequest    privileged, MIG monitoring\n"),
                                 HasSubstr("\nrequires   \"cuda>=12.0 brand=tesla\"\n")));
}

TEST_F(Requests, OfAnUnprivilegedBundleAreShownByADryRun) {
  const auto done = dry_run("json");

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(json::parse(done.out)["request"]["privileged"], false);
}

TEST_F(Requests, ThatAreWrongAreRefusedWithTheValueAndWhatIsAllowed) {
  const struct {
    const char* entry;
    const char* id;
    const char* value;
    const char* allowed;
  } cases[] = {
      {"NVIDIA_VISIBLE_DEVICES=0:1\x1b[2J", "E_REQ_DEVICE", "\"0:1\\x1b[2J\"",
       "an index such as 0"},
      {"NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=0", "E_REQ_DEVICE", "\"nvidia.com/gpu=0\"",
       "the engine has to resolve"},
      {"NVIDIA_DRIVER_CAPABILITIES=utility,cuda", "E_REQ_CAPABILITY", "\"cuda\"",
       "all, compute, compat32, graphics, utility, video, display, ngx"},
      {"NVIDIA_REQUIRE_CUDA=cuda==12", "E_REQ_REQUIREMENT", "\"cuda==12\"", "= != < <= > >="},
      {"NVIDIA_MIG_CONFIG_DEVICES=0", "E_REQ_MIG", "\"0\"", "only all is"},
      {"NVIDIA_MIG_CONFIG_DEVICES=all", "E_REQ_MIG", "NVIDIA_MIG_CONFIG_DEVICES",
       "privileged containers only"},
      {"NVIDIA_IMEX_CHANNELS=1048576", "E_REQ_IMEX", "\"1048576\"", "from 0 to 1048575"},
  };
  const TestContainer container(bundle_.root().on_disk());
  const auto before = container.snapshot();
  for (const auto& test : cases) {
    bundle_.config["process"]["env"] = {"NVIDIA_VISIBLE_DEVICES=all", test.entry};
    const auto done = bundle_.hook(container);

    EXPECT_EQ(done.status, 2) << test.entry;
    EXPECT_THAT(done.err, StartsWith("nvhook: " + std::string(test.id) + ": "));
    EXPECT_THAT(done.err, AllOf(HasSubstr(test.value), HasSubstr(test.allowed)));
    EXPECT_EQ(std::ranges::count(done.err, '\n'), 1) << done.err;
    EXPECT_EQ(container.changes_since(before), "") << test.entry;
  }
}

TEST_F(Requests, ThatMeanNothingAreWarnedOf) {
  bundle_.env("NVIDIA_IMEX_CHANNELS=all");
  bundle_.env("NVIDIA_DISABLE_REQUIRE=yes");
  const TestContainer container(bundle_.root().on_disk());

  const auto done = bundle_.hook(container);

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.err,
              AllOf(HasSubstr("nvhook: W_REQ_IGNORED: NVIDIA_IMEX_CHANNELS is all"),
                    HasSubstr("nvhook: W_REQ_IGNORED: NVIDIA_DISABLE_REQUIRE is \"yes\"")));
}

// What the settings make of them.
class RequestsUnderRules : public Requests {
 protected:
  void SetUp() override {
    Requests::SetUp();
    if (IsSkipped()) return;
    container_ = std::make_unique<TestContainer>(bundle_.root().on_disk());
    before_ = container_->snapshot();
    bundle_.config["process"]["env"] = {"PATH=/bin"};
  }

  Finished hook_with(const std::string& requests) {
    settings_.file("/config.toml", "[requests]\n" + requests);
    return bundle_.hook(*container_, {"--config", settings_.on_disk("/config.toml")});
  }
  void mount_device(const std::string& name) {
    bundle_.config["mounts"].push_back(
        {{"destination", "/var/run/nvidia-container-devices/" + name},
         {"type", "bind"},
         {"source", "/dev/null"},
         {"options", {"bind"}}});
  }
  // The GPUs' nodes that the container was given.
  [[nodiscard]] std::vector<std::string> nodes() const {
    std::vector<std::string> found;
    for (const auto& mount : mounts_below(container_->mountinfo(), bundle_.root().on_disk()))
      if (mount.point.starts_with("/dev/nvidia") && std::isdigit(mount.point.back()) != 0)
        found.push_back(mount.point);
    return found;
  }

  FakeRoot settings_;
  std::unique_ptr<TestContainer> container_;
  std::vector<std::string> before_;
};

TEST_F(RequestsUnderRules, ComeByMountsWhereTheseAreAccepted) {
  mount_device("1");

  const auto ignored = hook_with("");
  EXPECT_EQ(ignored.status, 0) << ignored.err;
  EXPECT_EQ(container_->changes_since(before_), "");

  const auto done = hook_with("accept_volume_mounts = true\n");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(nodes(), ElementsAre("/dev/nvidia1"));
}

TEST_F(RequestsUnderRules, OfAnUnprivilegedEnvironmentAreDroppedWithAWarning) {
  bundle_.env("NVIDIA_VISIBLE_DEVICES=all");

  const auto done = hook_with("accept_environment_when_unprivileged = false\n");

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.err, StartsWith("nvhook: W_REQ_UNTRUSTED: NVIDIA_VISIBLE_DEVICES asks for "));
  EXPECT_EQ(container_->changes_since(before_), "");
}

TEST_F(RequestsUnderRules, ComeByVariablesThatAreNamed) {
  bundle_.env("DOCKER_RESOURCE_GPU=1");

  for (const auto* other : {"swarm_resources = [\"DOCKER_RESOURCE_FPGA\"]\n",
                            "# swarm_resources = [\"DOCKER_RESOURCE_GPU\"]\n"}) {
    const auto ignored = hook_with(other);
    EXPECT_EQ(ignored.status, 0) << ignored.err;
    EXPECT_EQ(container_->changes_since(before_), "") << other;
  }

  const auto done = hook_with("swarm_resources = [\"DOCKER_RESOURCE_GPU\"]\n");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(nodes(), ElementsAre("/dev/nvidia1"));
}

// Whether the container asks cannot be told.
TEST_F(RequestsUnderRules, FailWhereTheNamesCannotBeRead) {
  const auto done = hook_with("swarm_resources = \"DOCKER_RESOURCE_GPU\"\n");

  EXPECT_EQ(done.status, 2);
  EXPECT_THAT(done.err, StartsWith("nvhook: E_CONFIG: "));
}

}  // namespace
}  // namespace nvhook::test
