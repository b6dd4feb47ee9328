// SPDX-License-Identifier: Apache-2.0
// Each capability alone, and all of them: what a container of real runc then has is what the plan
// says, and nothing else.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "integration/bundle.hpp"
#include "integration/gpu_bundle.hpp"
#include "integration/tree_picture.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;

// A driver with everything that one can have.
const fs::path& full_host() {
  static const FakeRoot root;
  static const fs::path host = [] {
    auto at = root.on_disk("/host");
    const auto made = run({NVHOOK_SIMULATED_DRIVER, at, "--firmware", "--sockets"});
    EXPECT_EQ(made.status, 0) << made.err;
    return at;
  }();
  return host;
}

// What a container says of itself, a line each: "mount POINT OPTIONS", "link PATH TEXT",
// "open NODE WORDS" (of why not).
std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.insert(line);
  return lines;
}

constexpr auto kSayMounts =
    "while read -r _ _ _ _ point options _; do echo \"mount $point $options\"; done"
    " </proc/self/mountinfo | sed 's/,relatime$//'\n";

std::string script_for(const nlohmann::json& plan) {
  std::string script = kSayMounts;
  for (const auto& link : plan["symlinks"]) {
    const auto path = link["path"].get<std::string>();
    script += "echo \"link " + path + " $(readlink " + path + ")\"\n";
  }
  for (const auto& file : plan["files"]) {
    const auto path = file["path"].get<std::string>();
    script += "echo \"file " + path + " $(cksum <" + path + ")\"\n";
  }
  for (const auto& device : plan["devices"]) {
    const auto path = device["path"].get<std::string>();
    script += "echo \"open " + path + " $( (exec 3<>" + path + ") 2>&1 | sed 's/.*: //')\"\n";
  }
  return script;
}

std::string checksum(const std::string& content) {
  FakeRoot directory;
  directory.file("/content", content);
  const auto file = directory.on_disk("/content").string();
  auto sum = run({"/bin/sh", "-c", "cksum <" + file}).out;
  while (sum.ends_with('\n')) sum.pop_back();
  return sum;
}

std::set<std::string> promised_by(const nlohmann::json& plan) {
  std::set<std::string> lines;
  for (const auto& mount : plan["mounts"]) {
    std::string options;
    for (const auto& option : mount["options"])
      options += (options.empty() ? "" : ",") + option.get<std::string>();
    // Of a mount that may be written mountinfo says so.
    if (!options.starts_with("ro")) options = "rw," + options;
    lines.insert("mount " + mount["target"].get<std::string>() + " " + options);
  }
  for (const auto& link : plan["symlinks"])
    lines.insert("link " + link["path"].get<std::string>() + " " +
                 link["target"].get<std::string>());
  for (const auto& file : plan["files"])
    lines.insert("file " + file["path"].get<std::string>() + " " +
                 checksum(file["content"].get<std::string>()));
  // Without a kernel module an allowed node has no device behind it (ENXIO).
  for (const auto& device : plan["devices"])
    lines.insert("open " + device["path"].get<std::string>() + " No such device or address");
  return lines;
}

struct Case {
  const char* capability;
  // Some of what it brings: kinds of the plan's mounts.
  std::set<std::string> kinds;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.capability; }

class Capability : public ::testing::TestWithParam<std::tuple<Case, Layout>> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  }
  [[nodiscard]] static const Case& tested() { return std::get<0>(GetParam()); }

  // The plan for the bundle as it is.
  static nlohmann::json plan_for(const GpuBundle& bundle) {
    std::ofstream(bundle.path() / "config.json") << bundle.config.dump();
    const auto config = bundle.hook("prestart")["args"].back().get<std::string>();
    const auto done = run(nvhook_on(full_host(), {"--config", config, "--dry-run", "--format",
                                                  "json", "--bundle", bundle.path()}));
    EXPECT_EQ(done.status, 0) << done.err;
    return nlohmann::json::parse(done.out, nullptr, false);
  }

  static nlohmann::json hook(const GpuBundle& bundle, const std::string& stage) {
    auto entry = hook_entry(stage, full_host());
    entry["args"].push_back("--config");
    entry["args"].push_back(bundle.hook(stage)["args"].back());
    return entry;
  }
};

TEST_P(Capability, BringsWhatThePlanSaysAndNothingElse) {
  GpuBundle bundle("minbase", std::get<1>(GetParam()));
  bundle.env(std::string("NVIDIA_DRIVER_CAPABILITIES=") + tested().capability);
  const auto before = picture_of(bundle.rootfs("/"));
  const auto without = lines_of(bundle.run_in_runc(kSayMounts).out);
  const auto plan = plan_for(bundle);
  for (const auto* stage : {"prestart", "poststop"})
    bundle.config["hooks"][stage] = {hook(bundle, stage)};

  const auto done = bundle.run_in_runc(script_for(plan));

  EXPECT_EQ(done.status, 0) << done.err;
  const auto promised = promised_by(plan);
  std::set<std::string> has;
  std::ranges::set_difference(lines_of(done.out), without, std::inserter(has, has.end()));
  const auto tree = plan["tree"].is_null() ? std::string() : plan["tree"].get<std::string>();
  std::erase_if(has, [&](const std::string& line) {
    return !tree.empty() && line.starts_with("mount " + tree + " ");
  });
  EXPECT_EQ(has, promised);
  std::set<std::string> kinds;
  for (const auto& mount : plan["mounts"]) kinds.insert(mount["kind"].get<std::string>());
  EXPECT_THAT(tested().kinds, IsSubsetOf(kinds));
  EXPECT_THAT(differences(before, picture_of(bundle.rootfs("/"))), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Alone, Capability,
    ::testing::Combine(::testing::Values(Case{"compute",
                                              {"library", "binary", "device", "firmware"}},
                                         Case{"compat32", {"device", "firmware"}},
                                         Case{"graphics", {"library", "device", "config"}},
                                         Case{"utility", {"library", "binary", "device", "socket"}},
                                         Case{"video", {"library", "device"}},
                                         Case{"display", {"library", "device", "config"}},
                                         Case{"ngx", {"library", "device"}},
                                         Case{"all",
                                              {"library", "library32", "binary", "device", "socket",
                                               "firmware", "config"}}),
                       ::testing::Values(Layout::System, Layout::Tree)),
    [](const auto& tested) {
      return std::string(std::get<0>(tested.param).capability) + "_" +
             name_of(std::get<1>(tested.param));
    });

}  // namespace
}  // namespace nvhook::test
