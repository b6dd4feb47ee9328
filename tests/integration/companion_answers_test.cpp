// SPDX-License-Identifier: Apache-2.0
// What nvhook-companion answers, over the wire, to what was asked of the original.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "integration/companion.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const fs::path kTwo = NVHOOK_SIMULATED_HOST "-k40";
const fs::path kOne = NVHOOK_SIMULATED_HOST "-k40-1";
const fs::path kNone = NVHOOK_SIMULATED_HOST "-k40-0";

std::string content_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Reply recorded(const std::string& module, const std::string& name) {
  auto reply =
      parse_reply(content_of(NVHOOK_SOURCE_DIR "/tests/" + module + "/golden/" + name + ".http"));
  EXPECT_NE(reply.status, 0) << name;
  return reply;
}

void expect_same(const Reply& reply, const Reply& due, const std::string& body) {
  EXPECT_EQ(reply.status, due.status);
  for (const auto* name : {"Content-Type", "X-Content-Type-Options"})
    if (due.headers.contains(name)) {
      EXPECT_EQ(reply.headers.contains(name) ? reply.headers.at(name) : "none",
                due.headers.at(name));
    }
  EXPECT_EQ(reply.body, body);
}

TEST(CompanionRest, AnswersAsTheOriginalDid) {
  struct Row {
    const char *name, *target;
  };
  const auto expect_all = [](const fs::path& host, const std::vector<Row>& rows) {
    Companion companion(host);
    companion.start();
    ASSERT_TRUE(comes_true([&] { return answers(companion); }));
    for (const auto& [name, target] : rows) {
      SCOPED_TRACE(name);
      const auto due = recorded("rest", name);
      expect_same(companion.get(target), due, due.body);
    }
  };
  expect_all(kTwo, {{"k40x2-gpu-info", "/gpu/info"},
                    {"k40x2-gpu-info-json", "/gpu/info/json"},
                    {"k40x2-gpu-status", "/gpu/status"},
                    {"k40x2-gpu-status-json", "/gpu/status/json"},
                    {"k40x2-docker-cli", "/docker/cli"},
                    {"k40x2-docker-cli-json", "/docker/cli/json"},
                    {"k40x2-v1.0-gpu-info", "/v1.0/gpu/info"},
                    {"k40x2-v1.0-gpu-info-json", "/v1.0/gpu/info/json"},
                    {"k40x2-v1.0-gpu-status", "/v1.0/gpu/status"},
                    {"k40x2-v1.0-gpu-status-json", "/v1.0/gpu/status/json"},
                    {"k40x2-v1.0-docker-cli", "/v1.0/docker/cli"},
                    {"k40x2-v1.0-docker-cli-json", "/v1.0/docker/cli/json"},
                    {"cli-dev-0", "/docker/cli?dev=0"},
                    {"cli-dev-all", "/docker/cli?dev=all"},
                    {"cli-dev-uuid", "/docker/cli?dev=GPU-b7"},
                    {"cli-vol", "/docker/cli?vol=nvidia_driver"}});
  expect_all(kOne, {{"one-gpu-info", "/gpu/info"},
                    {"one-gpu-info-json", "/gpu/info/json"},
                    {"one-gpu-status", "/gpu/status"},
                    {"one-gpu-status-json", "/gpu/status/json"},
                    {"one-docker-cli", "/docker/cli"}});
  expect_all(kNone, {{"none-head-gpu-info", "/gpu/info"},
                     {"none-head-gpu-info-json", "/gpu/info/json"},
                     {"none-head-gpu-status", "/gpu/status"},
                     {"none-head-gpu-status-json", "/gpu/status/json"},
                     {"none-head-docker-cli", "/docker/cli"},
                     {"none-head-docker-cli-json", "/docker/cli/json"},
                     {"none-head-docker-cli-dev0", "/docker/cli?dev=0"}});
}

// Those of which docs/companion/rest.md says how they differ.
TEST(CompanionRest, DiffersFromTheOriginalOnPurposeOnly) {
  Companion companion(kTwo);
  companion.start({"--no-volumes"});
  ASSERT_TRUE(comes_true([&] { return answers(companion); }));

  auto named = recorded("rest", "cli-dev-1+0").body;
  const std::string swapped = "--device=/dev/nvidia1 --device=/dev/nvidia0";
  ASSERT_TRUE(named.ends_with(swapped));
  named.replace(named.size() - swapped.size(), swapped.size(),
                "--device=/dev/nvidia0 --device=/dev/nvidia1");
  EXPECT_EQ(companion.get("/docker/cli?dev=1+0").body, named);

  // Between "gpus:" and the blank is what two compressors make of the same.
  for (const auto* prefix : {"", "/v1.0"}) {
    const auto due = recorded("rest", "k40x2-mesos-cli").body;
    const auto said = companion.get(std::string(prefix) + "/mesos/cli").body;
    EXPECT_EQ(said.substr(0, said.find(':')), due.substr(0, due.find(':')));
    EXPECT_EQ(said.substr(said.find(' ')), due.substr(due.find(' ')));
  }

  const auto refused = recorded("rest", "http-post");
  expect_same(parse_reply(exchange(connect_to(companion.port()),
                                   "POST /gpu/info HTTP/1.1\r\nHost: localhost\r\nConnection: "
                                   "close\r\nContent-Length: 0\r\n\r\n")),
              refused, refused.body);
}

TEST(CompanionRest, ServesThePageAndWhatMonitoringWants) {
  Companion companion(kTwo);
  companion.start();
  ASSERT_TRUE(comes_true([&] { return answers(companion); }));

  EXPECT_THAT(companion.get("/").body, HasSubstr("<!doctype html>"));
  EXPECT_THAT(companion.get("/").headers.at("Content-Security-Policy"), HasSubstr("'self'"));
  EXPECT_THAT(companion.get("/metrics").body, HasSubstr("nvhook_nvml_up 1\n"));
  EXPECT_EQ(companion.get("/healthz").status, 200);
  EXPECT_EQ(companion.get("/v1.0/openapi.json").status, 200);
}

TEST(CompanionRest, H23_HidesProcessesWhereItIsToldTo) {
  Companion companion(kTwo);
  companion.start({"--hide-processes"});
  ASSERT_TRUE(comes_true([&] { return answers(companion); }));

  EXPECT_THAT(companion.get("/gpu/status/json").body, Not(HasSubstr("nbody")));
}

TEST(CompanionPlugin, AnswersAsTheOriginalDid) {
  Companion companion(kTwo);
  companion.start({"--no-rest"});
  ASSERT_TRUE(comes_true([&] { return activates(companion); }));
  constexpr auto kOurs = R"({"Name":"nvidia_driver_361.48"})";
  constexpr auto kFull = R"({"Name":"nvidia_driver_361.48","Opts":{}})";
  constexpr auto kOther = R"({"Name":"nvidia_driver_352.39"})";
  constexpr auto kFoo = R"({"Name":"foo"})";
  constexpr auto kStore = "/var/lib/nvidia-docker/volumes";
  struct Row {
    const char *name, *call, *body;
  };
  constexpr Row kRows[] = {
      {"vol-activate", "Plugin.Activate", ""},
      {"vol-capabilities", "VolumeDriver.Capabilities", "{}"},
      {"vol-list-empty", "VolumeDriver.List", "{}"},
      {"vol-get-missing", "VolumeDriver.Get", kOurs},
      {"vol-path-missing", "VolumeDriver.Path", kOurs},
      {"vol-mount-missing", "VolumeDriver.Mount", kOurs},
      {"vol-unmount-missing", "VolumeDriver.Unmount", kOurs},
      {"vol-remove-missing", "VolumeDriver.Remove", kOurs},
      {"vol-create-badformat", "VolumeDriver.Create", R"({"Name":"nvidia_driver"})"},
      {"vol-create-emptyname", "VolumeDriver.Create", R"({"Name":""})"},
      {"vol-create-unsupported", "VolumeDriver.Create", R"({"Name":"foo_1.0"})"},
      {"vol-create-badversion", "VolumeDriver.Create", kOther},
      {"vol-create-lowercase-key", "VolumeDriver.Create", R"({"name":"nvidia_driver_352.39"})"},
      {"vol-create-badjson", "VolumeDriver.Create", "{not json"},
      {"vol-create-nobody", "VolumeDriver.Create", ""},
      {"vol-get-badformat", "VolumeDriver.Get", kFoo},
      {"vol-unmount-badformat", "VolumeDriver.Unmount", kFoo},
      {"vol-remove-badformat", "VolumeDriver.Remove", kFoo},
      {"vol-mount-unsupported", "VolumeDriver.Mount", R"({"Name":"foo_1"})"},
      {"vol-create-ok", "VolumeDriver.Create", kFull},
      {"vol-create-again", "VolumeDriver.Create", kFull},
      {"vol-get", "VolumeDriver.Get", kOurs},
      {"vol-path", "VolumeDriver.Path", kOurs},
      {"vol-mount", "VolumeDriver.Mount", kOurs},
      {"vol-unmount", "VolumeDriver.Unmount", kOurs},
      {"vol-list", "VolumeDriver.List", "{}"},
      {"vol-unknown", "VolumeDriver.Nothing", "{}"},
      {"vol-gpuinfo-on-socket", "v1.0/gpu/info", ""},
      {"vol-remove", "VolumeDriver.Remove", kOurs},
  };
  for (const auto& [name, call, body] : kRows) {
    SCOPED_TRACE(name);
    const auto due = recorded("volumes", name);
    auto text = due.body;
    if (const auto at = text.find(kStore); at != text.npos)
      text.replace(at, std::string_view(kStore).size(), companion.store().string());
    expect_same(companion.call(call, body), due, text);
  }
  EXPECT_THAT(companion.log(), HasSubstr("Received create request for volume "
                                         "'nvidia_driver_361.48'"));
}

TEST(CompanionPlugin, MakesLinksOfWhatLiesOnTheSameFileSystem) {
  Companion companion(kTwo);
  companion.start({"--no-rest"});
  ASSERT_TRUE(comes_true([&] { return activates(companion); }));

  ASSERT_EQ(companion.call("VolumeDriver.Create", R"({"Name":"nvidia_driver_361.48"})").status,
            200);

  const auto library = companion.store() / "nvidia_driver/361.48/lib64/libcuda.so.361.48";
  EXPECT_TRUE(fs::is_regular_file(library));
  struct stat link {
  }, original{};
  ASSERT_EQ(::stat(library.c_str(), &link), 0);
  ASSERT_EQ(::stat((kTwo / "usr/lib/x86_64-linux-gnu/libcuda.so.361.48").c_str(), &original), 0);
  if (link.st_dev == original.st_dev) {
    EXPECT_EQ(link.st_ino, original.st_ino);
  }
}

}  // namespace
}  // namespace nvhook::test
