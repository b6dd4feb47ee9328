// SPDX-License-Identifier: Apache-2.0
#include "nvhook/plan/print.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plan/samples.hpp"

namespace nvhook::plan {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// A plan with one thing of each kind.
Plan sample_plan() {
  const std::string cuda = "libcuda.so.550.54.14";
  const std::string ml = "libnvidia-ml.so.550.54.14";
  Plan plan;
  plan.container = {.id = "c1", .pid = 4711, .bundle = "/b", .rootfs = "/b/rootfs"};
  plan.request = {.devices = {"0", "1"},
                  .source = request::Source::Environment,
                  .gpus = request::AllGpus{},
                  .capabilities = {Capability::Utility, Capability::Compute}};
  plan.driver_version = "550.54.14";
  plan.driver_root = "/";
  plan.gpus = test::sample_driver().gpus;
  plan.mounts = {{.kind = Kind::Library,
                  .capability = Capability::Compute,
                  .state = State::Mount,
                  .reason = "compute",
                  .source = {"/usr/lib/" + cuda},
                  .target = {"/usr/lib64/" + cuda},
                  .options = kFileMount},
                 {.kind = Kind::Library,
                  .capability = Capability::Utility,
                  .state = State::Mount,
                  .reason = "utility",
                  .source = {"/usr/lib/" + ml},
                  .target = {"/usr/lib64/" + ml},
                  .options = kFileMount},
                 {.kind = Kind::Library32,
                  .capability = Capability::Compute,
                  .state = State::Mount,
                  .reason = "compute",
                  .source = {"/usr/lib/i386/" + cuda},
                  .target = {"/usr/lib32/" + cuda},
                  .options = kFileMount},
                 {.kind = Kind::Binary,
                  .capability = Capability::Utility,
                  .state = State::Mount,
                  .reason = "utility",
                  .source = {"/opt/bin/nvidia-smi"},
                  .target = {"/usr/bin/nvidia-smi"},
                  .options = kFileMount},
                 {.kind = Kind::Device,
                  .capability = std::nullopt,
                  .state = State::Mount,
                  .reason = "control node",
                  .source = {"/dev/nvidiactl"},
                  .target = {"/dev/nvidiactl"},
                  .options = kDeviceMount},
                 {.kind = Kind::Device,
                  .capability = std::nullopt,
                  .state = State::Present,
                  .reason = "GPU 0",
                  .source = {"/dev/nvidia0"},
                  .target = {"/dev/nvidia0"},
                  .options = {}}};
  plan.symlinks = {{{"/usr/lib64/libcuda.so.1"}, cuda, "libcuda.so.535.104.05"},
                   {{"/usr/lib64/libcuda.so"}, "libcuda.so.1", std::nullopt}};
  plan.devices = {{{"/dev/nvidiactl"}, {195, 255}}, {{"/dev/nvidia0"}, {195, 0}}};
  plan.omitted = {{{"/usr/lib/libcuda.so.470.82.01"}, "another driver version"}};
  plan.warnings = {{WarningId::NoLoader, "the image has no dynamic loader"}};
  return plan;
}

TEST(PlanText, IsAlignedAndGroupedWithAReasonOnEachLine) {
  EXPECT_EQ(to_text(sample_plan(), Style::Plain), R"(container  "c1", process 4711
root       /b/rootfs
asks for   devices "0" "1", capabilities compute utility
driver     550.54.14 below /

GPUs
  0  GPU-00000000-1111-2222-3333-44445555aaaa  0000:01:00.0  NVIDIA H100 PCIe
  1  GPU-00000003-1111-2222-3333-44445555bbbb  0000:c1:00.0  NVIDIA H100 PCIe

Libraries
  /usr/lib64/libcuda.so.550.54.14       <- /usr/lib/libcuda.so.550.54.14       ro,nosuid,nodev  compute
  /usr/lib64/libnvidia-ml.so.550.54.14  <- /usr/lib/libnvidia-ml.so.550.54.14  ro,nosuid,nodev  utility

32-bit libraries
  /usr/lib32/libcuda.so.550.54.14  <- /usr/lib/i386/libcuda.so.550.54.14  ro,nosuid,nodev  compute

Programs
  /usr/bin/nvidia-smi  <- /opt/bin/nvidia-smi  ro,nosuid,nodev  utility

Device nodes
  /dev/nvidiactl  <- /dev/nvidiactl  ro,nosuid,noexec  control node
  /dev/nvidia0    <- /dev/nvidia0    already there     GPU 0

Symbolic links
  /usr/lib64/libcuda.so.1  -> libcuda.so.550.54.14  instead of "libcuda.so.535.104.05"
  /usr/lib64/libcuda.so    -> libcuda.so.1

Device cgroup
  c 195:255 rw  /dev/nvidiactl
  c 195:0 rw    /dev/nvidia0

Left out
  /usr/lib/libcuda.so.470.82.01  another driver version

Warnings
  W_NO_LOADER  the image has no dynamic loader
)");
}

TEST(PlanText, SaysWhatABundleAloneLeavesUnknown) {
  Plan plan;
  plan.container.id = "c1";
  plan.unknown = {Unknown::Cgroup, Unknown::PresentNodes, Unknown::Propagation};

  const auto text = to_text(plan, Style::Plain);

  EXPECT_THAT(text, HasSubstr("container  \"c1\", not running\n"));
  EXPECT_THAT(text, HasSubstr("\nunknown    cgroup, present-nodes, propagation (no running "));
  EXPECT_THAT(to_text(sample_plan(), Style::Plain), Not(HasSubstr("unknown")));
}

TEST(PlanText, HasNoHeadingWithoutLines) {
  EXPECT_THAT(to_text(Plan{}, Style::Plain), Not(HasSubstr("\n\n")));
}

TEST(PlanText, IsColouredOnlyWhereThatIsAskedFor) {
  EXPECT_THAT(to_text(sample_plan(), Style::Plain), Not(HasSubstr("\x1b")));
  EXPECT_THAT(to_text(sample_plan(), Style::Colour), HasSubstr("\x1b[1mLibraries\x1b[0m\n"));
}

TEST(PlanText, CarriesNothingThatATerminalWouldObey) {
  const std::string evil =
      "a\x1b]0;owned\x07\n\x9b"
      "b\x7f";
  auto plan = sample_plan();
  plan.container.id = evil;
  plan.container.rootfs = "/" + evil;
  plan.request.devices = {evil};
  plan.symlinks[0].replaces = evil;
  for (auto& link : plan.symlinks) link.path.value += evil;
  for (auto& mount : plan.mounts) mount.target.value += evil;
  for (auto& device : plan.devices) device.path.value += evil;
  const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };

  const auto text = to_text(plan, Style::Plain);

  for (const char byte : {'\x1b', '\x07', '\x9b', '\x7f'})
    EXPECT_EQ(text.find(byte), std::string::npos);
  EXPECT_THAT(text, HasSubstr(R"(a\x1b]0;owned\x07\x0a\x9bb\x7f)"));
  EXPECT_EQ(lines(text), lines(to_text(sample_plan(), Style::Plain)));
}

TEST(PlanText, QuotesPathsOnlyWhereTheyNeedIt) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/b/root fs~", "/b/root fs~"},
      {"/b/\x7f", R"("/b/\x7f")"},
      {"/b/\xc3\xa9", R"("/b/\xc3\xa9")"},
      {"/b/\t", R"("/b/\x09")"}};
  for (const auto& [path, shown] : cases) {
    Plan plan;
    plan.container.rootfs = path;
    EXPECT_THAT(to_text(plan, Style::Plain), HasSubstr("\nroot       " + shown + "\n"));
  }
}

TEST(PlanJson, IsTheSchema) {
  const auto document = json::parse(to_json(sample_plan()));

  EXPECT_EQ(document["schema"], "nvhook.plan/1");
  EXPECT_EQ(document["inject"], true);
  EXPECT_EQ(document["reason"], nullptr);
  EXPECT_EQ(document["unknown"], json::array());
  EXPECT_EQ(document["layout"], "system");
  EXPECT_EQ(document["container"],
            json::parse(R"({"id": "c1", "pid": 4711, "bundle": "/b", "rootfs": "/b/rootfs"})"));
  EXPECT_EQ(document["request"], json::parse(R"({"devices": ["0", "1"], "source": "environment",
      "capabilities": ["compute", "utility"], "privileged": false, "requirements": [],
      "mig_config": false, "mig_monitor": false, "imex_channels": [], "features": []})"));
  EXPECT_EQ(document["driver"],
            json::parse(R"({"version": "550.54.14", "cuda": "12.4", "root": "/"})"));
  EXPECT_EQ(
      document["gpus"][1],
      json::parse(R"({"index": 1, "minor": 3, "uuid": "GPU-00000003-1111-2222-3333-44445555bbbb",
      "bus": "0000:c1:00.0", "model": "NVIDIA H100 PCIe", "mig": []})"));
  EXPECT_EQ(document["mounts"][0], json::parse(R"({"kind": "library", "capability": "compute",
      "state": "mount", "reason": "compute",
      "source": "/usr/lib/libcuda.so.550.54.14",
      "target": "/usr/lib64/libcuda.so.550.54.14",
      "options": ["ro", "nosuid", "nodev"],
      "sealed": false, "creates": false})"));
  EXPECT_EQ(document["mounts"][2]["kind"], "library32");
  EXPECT_EQ(document["mounts"][3]["kind"], "binary");
  EXPECT_EQ(document["mounts"][5], json::parse(R"({"kind": "device", "capability": null,
      "state": "present", "reason": "GPU 0", "source": "/dev/nvidia0", "target": "/dev/nvidia0",
      "options": [],
      "sealed": false, "creates": false})"));
  EXPECT_EQ(document["symlinks"], json::parse(R"([
      {"path": "/usr/lib64/libcuda.so.1", "target": "libcuda.so.550.54.14",
       "replaces": "libcuda.so.535.104.05"},
      {"path": "/usr/lib64/libcuda.so", "target": "libcuda.so.1",
       "replaces": null}])"));
  EXPECT_EQ(document["files"], json::array());
  EXPECT_EQ(document["devices"][0], json::parse(R"({"path": "/dev/nvidiactl", "type": "c",
      "major": 195, "minor": 255, "access": "rw"})"));
  EXPECT_EQ(document["ldcache"], json::parse(R"({"action": "none", "path": null,
      "directories": [], "compat": null})"));
  EXPECT_EQ(document["omitted"], json::parse(R"([{"reason": "another driver version",
      "path": "/usr/lib/libcuda.so.470.82.01"}])"));
  EXPECT_EQ(document["warnings"], json::parse(R"([{"id": "W_NO_LOADER",
      "text": "the image has no dynamic loader"}])"));
  EXPECT_EQ(document.size(), 18U);
}

// As much as one container can ask for.
request::Request every_request() {
  return {.devices = {"all"},
          .source = request::Source::VolumeMounts,
          .gpus = request::AllGpus{},
          .capabilities = {},
          .demands = {{"NVIDIA_REQUIRE_CUDA", "cuda>=12.4\x1b"}, {"NVIDIA_REQUIRE_X", "arch>=8"}},
          .privileged = true,
          .mig_config = true,
          .mig_monitor = true,
          .imex_channels = {3, 7},
          .features = {request::Feature::Gds, request::Feature::NvSwitch}};
}

TEST(PlanJson, SaysWhatElseIsAskedFor) {
  Plan plan;
  plan.request = every_request();

  EXPECT_EQ(json::parse(to_json(plan))["request"],
            json::parse(R"({"devices": ["all"], "source": "volume-mounts", "capabilities": [],
      "privileged": true, "requirements": ["cuda>=12.4\u001b", "arch>=8"], "mig_config": true,
      "mig_monitor": true, "imex_channels": [3, 7], "features": ["gds", "nvswitch"]})"));
}

TEST(PlanText, SaysWhatElseIsAskedFor) {
  Plan plan;
  plan.request = every_request();

  EXPECT_THAT(to_text(plan, Style::Plain), HasSubstr(R"(
asks for   devices "all", capabilities none
request    by volume-mounts, privileged, MIG configuration, MIG monitoring, IMEX channel 3, IMEX channel 7, gds, nvswitch
requires   "cuda>=12.4\x1b"
requires   "arch>=8"
driver )"));
}

TEST(PlanJson, OfAnEmptyPlanHasTheSameKeysAndLists) {
  const auto full = json::parse(to_json(sample_plan()));
  const auto empty = json::parse(to_json(Plan{}));

  ASSERT_EQ(empty.size(), full.size());
  for (const auto& [key, value] : full.items()) {
    ASSERT_TRUE(empty.contains(key)) << key;
    EXPECT_EQ(empty[key].type(), value.type()) << key;
  }
  EXPECT_EQ(empty["container"]["pid"], nullptr);
}

TEST(PlanJson, NamesWhatABundleAloneLeavesUnknown) {
  Plan plan;
  plan.unknown = {Unknown::Cgroup, Unknown::PresentNodes, Unknown::Propagation};

  EXPECT_EQ(json::parse(to_json(plan))["unknown"],
            json::parse(R"(["cgroup", "present-nodes", "propagation"])"));
}

TEST(PlanJson, SaysWhichMountsAreSealed) {
  auto plan = sample_plan();
  plan.mounts[0].sealed = true;

  const auto document = json::parse(to_json(plan));

  EXPECT_EQ(document["mounts"][0]["sealed"], true);
  EXPECT_EQ(document["mounts"][1]["sealed"], false);
}

TEST(PlanText, SaysWhichMountsAreSealed) {
  auto plan = sample_plan();
  plan.mounts[0].sealed = true;

  EXPECT_THAT(to_text(plan, Style::Plain), HasSubstr(" ro,nosuid,nodev,sealed "));
  EXPECT_EQ(to_text(sample_plan(), Style::Plain).find("sealed"), std::string::npos);
}

TEST(PlanJson, HasTheInstancesThatAreGranted) {
  auto plan = sample_plan();
  plan.gpus = test::partitioned_driver().gpus;
  plan.gpus[0].mig[0].compute.clear();

  const auto document = json::parse(to_json(plan));

  EXPECT_EQ(document["gpus"][0]["mig"],
            json::parse(R"([{"gpu_instance": 1, "compute_instance": null},
                            {"gpu_instance": 5, "compute_instance": 0},
                            {"gpu_instance": 5, "compute_instance": 1},
                            {"gpu_instance": 13, "compute_instance": 0}])"));
}

TEST(PlanText, HasTheInstancesWithTheNamesByWhichTheyCanBeAskedFor) {
  auto plan = sample_plan();
  plan.gpus = test::partitioned_driver().gpus;
  plan.gpus.pop_back();
  plan.gpus[0].mig[0].compute.clear();

  EXPECT_THAT(to_text(plan, Style::Plain), HasSubstr(R"(
GPU instances
  GPU 0  instance 1   no compute instance
  GPU 0  instance 5   compute instance 0   MIG-GPU-00000000-1111-2222-3333-44445555aaaa/5/0
  GPU 0  instance 5   compute instance 1   MIG-GPU-00000000-1111-2222-3333-44445555aaaa/5/1
  GPU 0  instance 13  compute instance 0   MIG-GPU-00000000-1111-2222-3333-44445555aaaa/13/0
)"));
}

TEST(PlanJson, IsOneDocumentThatEndsInANewline) {
  const auto text = to_json(sample_plan());

  EXPECT_TRUE(text.ends_with("}\n"));
  EXPECT_TRUE(text.starts_with("{\n  \"schema\": \"nvhook.plan/1\",\n  \"inject\": true,"));
}

TEST(PlanJson, ReplacesWhatIsNotUtf8) {
  Plan plan;
  plan.container.id =
      "a\xff"
      "b\xc3";
  plan.container.rootfs = "/\xed\xa0\x80";

  const auto document = json::parse(to_json(plan));

  EXPECT_EQ(document["container"]["id"], "a\uFFFDb\uFFFD");
  EXPECT_THAT(document["container"]["rootfs"].get<std::string>(), HasSubstr("\uFFFD"));
}

TEST(PlanJson, EscapesWhatATerminalWouldObey) {
  Plan plan;
  plan.container.id = "a\x1b[2J\n";

  const auto text = to_json(plan);

  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(json::parse(text)["container"]["id"], "a\x1b[2J\n");
}

TEST(NothingAsked, IsPrintedWithItsReason) {
  const request::NothingAsked nothing{"NVIDIA_VISIBLE_DEVICES is not set"};

  EXPECT_EQ(json::parse(to_json(nothing)), json::parse(R"({"schema": "nvhook.plan/1",
      "inject": false, "reason": "NVIDIA_VISIBLE_DEVICES is not set"})"));
  EXPECT_TRUE(to_json(nothing).ends_with("}\n"));
  for (const auto style : {Style::Plain, Style::Colour})
    EXPECT_EQ(to_text(nothing, style), "nothing to do: NVIDIA_VISIBLE_DEVICES is not set\n");
}

}  // namespace
}  // namespace nvhook::plan
