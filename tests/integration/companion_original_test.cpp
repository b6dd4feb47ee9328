// SPDX-License-Identifier: Apache-2.0
// nvhook-companion under the name nvidia-docker-plugin. What is expected was recorded of that
// program; the settings, which it did not have, say where the simulated driver is.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

#include "integration/companion.hpp"
#include "support/etc_with.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr auto kName = "/usr/bin/nvidia-docker-plugin";

// Lines without the time, which is checked.
std::string without_time(const std::string& log) {
  static const std::regex kTime(
      R"(nvidia-docker-plugin \| [0-9]{4}/[01][0-9]/[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9] )");
  return std::regex_replace(log, kTime, "");
}

std::string settings_of(const fs::path& host) {
  return "[roots]\ndriver = \"" + host.string() + "\"\nproc = \"" + (host / "proc").string() +
         "\"\nsys = \"" + (host / "sys").string() + "\"\n";
}

class CompanionAsOriginal : public ::testing::Test {
 protected:
  [[nodiscard]] static std::vector<std::string> words_of(const Companion& companion) {
    return {"-d", companion.store(), "-s=" + companion.socket().parent_path().string(), "--l",
            companion.address()};
  }

  const fs::path host_ = NVHOOK_SIMULATED_HOST "-k40";
};

TEST_F(CompanionAsOriginal, SpeaksAndEndsAsItDid) {
  const EtcWith settings("/nvhook/config.toml", settings_of(host_));
  Companion companion(host_);
  companion.start_as(kName, words_of(companion));
  ASSERT_TRUE(comes_true([&] { return companion.call("Plugin.Activate").status == 200; }));
  ASSERT_TRUE(comes_true([&] { return companion.get("/gpu/info").status == 200; }));

  for (const int ignored : {SIGUSR1, SIGUSR2, SIGPIPE}) companion.signal(ignored);
  companion.signal(SIGTERM);
  EXPECT_EQ(companion.end(SIGTERM), 0);

  EXPECT_EQ(without_time(companion.log()),
            "Loading NVIDIA unified memory\n"
            "Loading NVIDIA management library\n"
            "Discovering GPU devices\n"
            "Provisioning volumes at " +
                companion.store().string() +
                "\n"
                "Serving plugin API at " +
                companion.socket().parent_path().string() +
                "\n"
                "Serving remote API at " +
                companion.address() +
                "\n"
                "Received activate request\n"
                "Plugins activated [VolumeDriver]\n"
                "Successfully terminated\n");
  EXPECT_FALSE(fs::exists(companion.socket()));
}

TEST_F(CompanionAsOriginal, SaysItsVersionAndItsUsage) {
  struct Row {
    std::vector<std::string> words;
    int status;
    const char* said;
  };
  for (const auto& [words, status, said] : std::vector<Row>{
           {{"-v"}, 0, "NVIDIA Docker plugin: 1.0.1\n"},
           {{"-x"},
            2,
            "flag provided but not defined: -x\nUsage of /usr/bin/nvidia-docker-plugin:"},
           {{"-h"}, 2, "Usage of /usr/bin/nvidia-docker-plugin:\n  -d string\n    \tPath where"}}) {
    Companion companion(host_);
    companion.start_as(kName, words);
    EXPECT_EQ(companion.wait(), status) << words[0];
    EXPECT_THAT(companion.log(), ::testing::StartsWith(said));
  }
}

// What it could not have ended it, with status 1.
TEST_F(CompanionAsOriginal, EndsWhereItDid) {
  const EtcWith settings("/nvhook/config.toml", settings_of(host_));
  Companion taken(host_);
  taken.start({"--no-volumes"});
  ASSERT_TRUE(comes_true([&] { return taken.get("/healthz").status == 200; }));
  struct Row {
    std::string option, value, said;
  };
  const fs::path file = taken.directory() / "log";
  const std::vector<Row> rows = {
      {"-l", taken.address(), "listen tcp " + taken.address() + ": bind: address already in use"},
      {"-l", "127.0.0.1", "listen tcp: address 127.0.0.1: missing port in address"},
      {"-s", file / "sub",
       "listen unix " + file.string() + "/sub/nvidia-docker.sock: bind: not a directory"},
  };
  for (const auto& [option, value, said] : rows) {
    Companion companion(host_);
    auto words = words_of(companion);
    words.insert(words.end(), {option, value});
    companion.start_as(kName, words);
    EXPECT_EQ(companion.wait(), 1) << value;
    const auto log = without_time(companion.log());
    EXPECT_THAT(log, HasSubstr("\nServing remote API at "));
    EXPECT_THAT(log, ::testing::EndsWith("\nError: " + said + "\n"));
    EXPECT_EQ(log.find("Error: "), log.rfind("Error: "));
    EXPECT_FALSE(fs::exists(companion.socket()));
  }
}

TEST_F(CompanionAsOriginal, EndsWithoutAnNvml) {
  FakeRoot scratch;
  const auto host = scratch.on_disk("/host");
  write_driver(host, {"--shape", "k40"});
  for (const auto& entry : fs::directory_iterator(host / "usr/lib/x86_64-linux-gnu"))
    if (entry.path().filename().string().starts_with("libnvidia-ml.so")) fs::remove(entry.path());
  const EtcWith settings("/nvhook/config.toml", settings_of(host));
  Companion companion(host);
  companion.start_as(kName, words_of(companion));

  EXPECT_EQ(companion.wait(), 1);
  EXPECT_EQ(without_time(companion.log()),
            "Loading NVIDIA unified memory\n"
            "Loading NVIDIA management library\n"
            "Error: could not load NVML library\n");
}

TEST_F(CompanionAsOriginal, EndsInTheWordsOfAnNvmlThatRefuses) {
  FakeRoot scratch;
  const auto host = scratch.on_disk("/host");
  write_description(scratch.on_disk("/nvml.json"), scratch.on_disk("/nowhere"));
  write_driver(host, {"--nvml", scratch.on_disk("/nvml.json")});
  const EtcWith settings("/nvhook/config.toml", settings_of(host));
  Companion companion(host);
  companion.start_as(kName, words_of(companion));

  EXPECT_EQ(companion.wait(), 1);
  EXPECT_THAT(without_time(companion.log()), HasSubstr("\nError: nvml: Driver Not Loaded\n"));
}

TEST_F(CompanionAsOriginal, EndsWithoutUnifiedMemory) {
  FakeRoot scratch;
  const auto host = scratch.on_disk("/host");
  write_driver(host, {"--shape", "k40"});
  fs::remove(host / "dev/nvidia-uvm");
  const EtcWith settings("/nvhook/config.toml", settings_of(host));
  Companion companion(host);
  companion.start_as(kName, words_of(companion));

  EXPECT_EQ(companion.wait(), 1);
  EXPECT_EQ(without_time(companion.log()),
            "Loading NVIDIA unified memory\n"
            "Error: Could not load UVM kernel module. Is nvidia-modprobe installed?\n");
}

}  // namespace
}  // namespace nvhook::test
