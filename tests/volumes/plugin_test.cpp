// SPDX-License-Identifier: Apache-2.0
// Docker's side: every answer that was recorded from the original, and where ours is another.
#include "nvhook/volumes/plugin.hpp"

#include <algorithm>
#include <map>
#include <regex>

#include "volumes/store_fixture.hpp"

namespace nvhook::volumes {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto kAccept = "application/vnd.docker.plugins.v1.2+json";
constexpr auto kStoreOfTheOriginal = "/var/lib/nvidia-docker/volumes";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// Status, the headers that are the handler's, and the body, as text.
std::string as_text(const http::Response& response) {
  auto text = std::to_string(response.status) + "\n";
  std::vector<std::string> headers;
  if (!response.content_type.empty()) headers.push_back("Content-Type: " + response.content_type);
  for (const auto& header : response.headers) headers.push_back(header.name + ": " + header.value);
  std::ranges::sort(headers);
  for (const auto& header : headers) text += header + "\n";
  return text + "\n" + (response.body ? *response.body : "");
}

class VolumePlugin : public test::StoreFixture {
 protected:
  VolumePlugin() { renew(); }

  // As after a restart.
  void renew() {
    plugin_.emplace(
        store(),
        [this]() -> Result<Contents> {
          if (driver_ == "none") return failure(ErrorId::DriverAbsent, "no driver is loaded");
          return contents(driver_);
        },
        [this](std::string_view line) { log_.emplace_back(line); });
  }

  http::Response call(std::string_view path, std::string_view body,
                      http::Method method = http::Method::Post, std::string_view accept = kAccept) {
    return plugin_->answer(
        {.method = method, .path = path, .query = {}, .accept = accept, .body = body});
  }
  std::string body_of(std::string_view path, std::string_view body) {
    return *call(path, body).body;
  }
  static std::string named(std::string_view name) {
    return R"({"Name":")" + std::string(name) + R"("})";
  }

  // What the original said, as as_text() has it, with our store's path.
  [[nodiscard]] std::string golden(const std::string& name) const {
    std::istringstream in(content_of(NVHOOK_GOLDEN "/vol-" + name + ".http"));
    std::string line;
    std::getline(in, line);
    auto text = line.substr(9, 3) + "\n";
    std::vector<std::string> headers;
    while (std::getline(in, line) && line != "\r") {
      if (line.starts_with("Date: ") || line.starts_with("Content-Length: ")) continue;
      headers.push_back(line.substr(0, line.size() - 1));
    }
    std::ranges::sort(headers);
    for (const auto& header : headers) text += header + "\n";
    text += "\n" + std::string(std::istreambuf_iterator<char>(in), {});
    seen_.insert(name);
    return replaced(text, kStoreOfTheOriginal, path("/store"));
  }

  std::string driver_ = "361.48";
  std::vector<std::string> log_;
  std::optional<Plugin> plugin_;
  mutable std::set<std::string> seen_;  // recorded answers
};

class RecordedAnswers : public VolumePlugin {
 protected:
  void compare_those_that_are_the_same();
  void compare_those_that_differ();
};

void RecordedAnswers::compare_those_that_are_the_same() {
  const auto full = R"({"Name":"nvidia_driver_361.48","Opts":{}})";
  const auto ours = named("nvidia_driver_361.48");
  const auto check = [this](const char* name, std::string_view path, std::string_view body) {
    EXPECT_EQ(as_text(call(path, body)), golden(name)) << name;
  };
  check("activate", "/Plugin.Activate", "");
  check("capabilities", "/VolumeDriver.Capabilities", "{}");
  check("list-empty", "/VolumeDriver.List", "{}");
  check("get-missing", "/VolumeDriver.Get", ours);
  check("path-missing", "/VolumeDriver.Path", ours);
  check("mount-missing", "/VolumeDriver.Mount", ours);
  check("unmount-missing", "/VolumeDriver.Unmount", ours);
  check("remove-missing", "/VolumeDriver.Remove", ours);
  check("create-badformat", "/VolumeDriver.Create", named("nvidia_driver"));
  check("create-emptyname", "/VolumeDriver.Create", named(""));
  check("create-unsupported", "/VolumeDriver.Create", named("foo_1.0"));
  check("create-badversion", "/VolumeDriver.Create", named("nvidia_driver_352.39"));
  check("create-lowercase-key", "/VolumeDriver.Create", R"({"name":"nvidia_driver_352.39"})");
  check("create-badjson", "/VolumeDriver.Create", "{not json");
  check("create-nobody", "/VolumeDriver.Create", "");
  check("get-badformat", "/VolumeDriver.Get", named("foo"));
  check("unmount-badformat", "/VolumeDriver.Unmount", named("foo"));
  check("remove-badformat", "/VolumeDriver.Remove", named("foo"));
  check("mount-unsupported", "/VolumeDriver.Mount", named("foo_1"));
  check("create-ok", "/VolumeDriver.Create", full);
  check("create-again", "/VolumeDriver.Create", full);
  check("get", "/VolumeDriver.Get", ours);
  check("path", "/VolumeDriver.Path", ours);
  check("mount", "/VolumeDriver.Mount", ours);
  check("unmount", "/VolumeDriver.Unmount", ours);
  check("list", "/VolumeDriver.List", "{}");
  check("unknown", "/VolumeDriver.Nothing", "{}");
  check("gpuinfo-on-socket", "/v1.0/gpu/info", "");
  EXPECT_EQ(as_text(call("/Plugin.Activate", "", http::Method::Get)), golden("activate-get"));
  EXPECT_EQ(as_text(call("/Plugin.Activate", "", http::Method::Post,
                         "application/vnd.docker.plugins.v1.1+json")),
            golden("accept-v1.1"));

  // A volume of another driver, which somebody has made.
  top_.directory("/store/nvidia_driver/352.39");
  const auto stale = named("nvidia_driver_352.39");
  check("get-stale", "/VolumeDriver.Get", stale);
  check("mount-stale", "/VolumeDriver.Mount", stale);
  (void)call("/VolumeDriver.Unmount", stale);
  check("remove", "/VolumeDriver.Remove", ours);
}

// The reasons are in docs/companion/volumes.md.
void RecordedAnswers::compare_those_that_differ() {
  ASSERT_EQ(body_of("/VolumeDriver.Create", named("nvidia_driver_361.48")), "{\"Err\":null}\n");
  const auto differs = [this](const char* name, const http::Response& response,
                              const std::string& body) {
    EXPECT_NE(as_text(response), golden(name)) << name;
    EXPECT_EQ(*response.body, body) << name;
  };
  // Names that would mean the store itself.
  differs("get-dot", call("/VolumeDriver.Get", named("nvidia_driver_.")),
          "{\"Volume\":null,\"Err\":\"bad volume format: nvidia_driver_.\"}\n");
  differs("get-dotdot", call("/VolumeDriver.Get", named("nvidia_driver_..")),
          "{\"Volume\":null,\"Err\":\"bad volume format: nvidia_driver_..\"}\n");
  differs("remove-dotdot", call("/VolumeDriver.Remove", named("nvidia_driver_..")),
          "{\"Err\":\"bad volume format: nvidia_driver_..\"}\n");
  EXPECT_THAT(volume_files(), ::testing::ContainerEq(all_files()));

  // Any Accept is good.
  for (const auto& [name, accept] : std::map<const char*, const char*>{
           {"accept-any", "*/*"},
           {"accept-none", ""},
           {"accept-v1.0", "application/vnd.docker.plugins.v1+json"}})
    differs(name, call("/Plugin.Activate", "", http::Method::Post, accept),
            "{\"Implements\":[\"VolumeDriver\"]}\n");
  const auto unknown = call("/VolumeDriver.Nothing", "", http::Method::Post, "");
  differs("unknown-noaccept", unknown, "404 page not found\n");
  EXPECT_EQ(unknown.status, 404);

  // What nobody could name is not listed, what another has made is not removed.
  top_.directory("/store/nvidia_driver/352.39").directory("/store/nvidia_driver/stray");
  const auto listed = golden("list-stale");
  const auto stray = listed.find(",{\"Name\":\"nvidia_driver_stray\"");
  differs("list-stale", call("/VolumeDriver.List", "{}"),
          listed.substr(listed.find("\n\n") + 2, stray - listed.find("\n\n") - 2) +
              "],\"Err\":null}\n");
  differs("remove-stale", call("/VolumeDriver.Remove", named("nvidia_driver_352.39")),
          "{\"Err\":\"volume was not made by this program: nvidia_driver_352.39\"}\n");
}

TEST_F(RecordedAnswers, AreOursUnlessTheyDifferOnPurpose) {
  compare_those_that_are_the_same();
  compare_those_that_differ();

  std::set<std::string> all;
  for (const auto& entry : fs::directory_iterator(NVHOOK_GOLDEN)) {
    const auto name = entry.path().stem().string();
    if (name.starts_with("vol-")) all.insert(name.substr(4));
  }
  EXPECT_THAT(seen_, ::testing::ContainerEq(all));
}

TEST_F(VolumePlugin, LogsAsTheOriginal) {
  (void)call("/Plugin.Activate", "");
  (void)call("/VolumeDriver.Create", named("foo"));
  for (const auto* each : {"Create", "Mount", "Path", "Unmount", "Remove", "Get"})
    (void)call("/VolumeDriver." + std::string(each), named("nvidia_driver_361.48"));
  (void)call("/VolumeDriver.List", "{}");

  EXPECT_THAT(
      log_,
      ElementsAre("Received activate request", "Plugins activated [VolumeDriver]",
                  "Received create request for volume 'foo'",
                  "Received create request for volume 'nvidia_driver_361.48'",
                  StartsWith("Made volume 'nvidia_driver_361.48': 4 files linked, 0 cloned, 0 "
                             "copied, in "),
                  "Received mount request for volume 'nvidia_driver_361.48'",
                  "Received mount request for volume 'nvidia_driver_361.48'",
                  "Received unmount request for volume 'nvidia_driver_361.48'",
                  "Received remove request for volume 'nvidia_driver_361.48'"));
}

// The answer is JSON, the log is one line, and nothing happens.
TEST_F(VolumePlugin, V01_RefusesHostileNames) {
  ASSERT_EQ(body_of("/VolumeDriver.Create", named("nvidia_driver_361.48")), "{\"Err\":null}\n");
  const auto before = files_in(path("/"));
  for (const std::string name :
       {"nvidia_driver_..", "nvidia_driver_.", "nvidia_driver_...", "../../etc_1", "a/b_1",
        "%2e%2e", "__proto__", "nvidia_driver_\xef\xbc\x91", "a\\nb", "a\\u001bb", "a\\\"b",
        "<&>_\\u2028", "nvidia_driver_1'\\u0007"})
    for (const auto* each : {"Create", "Get", "Path", "Mount", "Unmount", "Remove"}) {
      const auto response = call("/VolumeDriver." + std::string(each), named(name));
      EXPECT_EQ(response.status, 200) << name;
      EXPECT_THAT(*response.body, HasSubstr("\"Err\":\"bad volume format: ")) << name;
    }
  EXPECT_EQ(files_in(path("/")), before);
  for (const auto& line : log_) {
    EXPECT_LT(line.size(), 256U);
    EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) << line;
  }
  EXPECT_EQ(body_of("/VolumeDriver.Get", named("<&>_\\u2028")),
            "{\"Volume\":null,\"Err\":\"bad volume format: \\u003c\\u0026\\u003e_\\u2028\"}\n");
  EXPECT_EQ(body_of("/VolumeDriver.Remove", named("\\b\\f\\n\\u0001\\\\b\\\"/\x7f")),
            "{\"Err\":\"bad volume format: \\u0008\\u000c\\n\\u0001\\\\b\\\"/\x7f\"}\n");
  const auto long_name = body_of("/VolumeDriver.Create", named(std::string(60'000, 'x')));
  EXPECT_EQ(long_name, "{\"Err\":\"bad volume format: " + std::string(256, 'x') + "...\"}\n");
}

// The limits are the client's fault, the rest fails as it did.
TEST_F(VolumePlugin, V05_RefusesBodiesBeyondTheLimits) {
  const auto twice = call("/VolumeDriver.Remove", R"({"Name":"a","name":"b"})");
  EXPECT_EQ(twice.status, 400);
  EXPECT_EQ(*twice.body, "name: it occurs twice\n");
  EXPECT_EQ(call("/VolumeDriver.Remove", std::string(kMaxBody + 1, ' ')).status, 400);
  const std::string deep(kMaxBodyDepth, '[');
  EXPECT_EQ(call("/VolumeDriver.Remove", R"({"Opts":)" + deep).status, 400);
  EXPECT_EQ(call("/VolumeDriver.Remove", "{\"Name\":\"\xff\"}").status, 500);
  EXPECT_THAT(log_, ::testing::Each(StartsWith("Error: E_STATE_")));
}

// What the original said 500 to, without a word.
TEST_F(VolumePlugin, TellsDockerWhyItFails) {
  fs::remove(path("/driver/libcuda.so.361.48"));
  const auto gone = body_of("/VolumeDriver.Create", named("nvidia_driver_361.48"));
  EXPECT_THAT(gone, AllOf(StartsWith("{\"Err\":\"E_SRC_CHANGED: "), HasSubstr("libcuda.so.361.48"),
                          HasSubstr("No such file")));
  EXPECT_THAT(log_.back(), StartsWith("Error: E_SRC_CHANGED: "));

  driver_ = "none";
  EXPECT_EQ(body_of("/VolumeDriver.Create", named("nvidia_driver_361.48")),
            "{\"Err\":\"E_DRIVER_ABSENT: no driver is loaded\"}\n");

  top_.directory("/store");
  fs::permissions(path("/store"), fs::perms{0777});
  const auto ours = named("nvidia_driver_361.48");
  EXPECT_THAT(body_of("/VolumeDriver.Get", ours),
              StartsWith("{\"Volume\":null,\"Err\":\"E_STORE: "));
  EXPECT_THAT(body_of("/VolumeDriver.Mount", ours),
              StartsWith("{\"Mountpoint\":null,\"Err\":\"E_STORE: "));
  EXPECT_THAT(body_of("/VolumeDriver.List", ours),
              StartsWith("{\"Volumes\":null,\"Err\":\"E_STORE: "));
  EXPECT_THAT(body_of("/VolumeDriver.Remove", ours), StartsWith("{\"Err\":\"E_STORE: "));
}

TEST_F(VolumePlugin, SeesADriverUpgradeWithoutARestart) {
  ASSERT_EQ(body_of("/VolumeDriver.Create", named("nvidia_driver_361.48")), "{\"Err\":null}\n");
  driver_ = "370.1";

  EXPECT_EQ(body_of("/VolumeDriver.Create", named("nvidia_driver_361.48")),
            "{\"Err\":\"invalid volume version: nvidia_driver_361.48\"}\n");
  EXPECT_EQ(body_of("/VolumeDriver.Create", named("nvidia_driver_370.1")), "{\"Err\":null}\n");
  EXPECT_THAT(body_of("/VolumeDriver.List", "{}"),
              AllOf(HasSubstr("nvidia_driver_361.48"), HasSubstr("nvidia_driver_370.1")));
}

// dockerd 20.10 asks for Create only where Get finds nothing.
TEST_F(VolumePlugin, NoticesADriverThatWasInstalledAnewWhenAContainerStarts) {
  const auto ours = named("nvidia_driver_361.48");
  put("/store/nvidia_driver/361.48/lib64/libcuda.so.361.48", "half of one, by the original");
  const auto file = path("/store/nvidia_driver/361.48/lib64/libcuda.so.361.48");
  const auto start = [&] {
    (void)call("/VolumeDriver.Get", ours);
    EXPECT_EQ(body_of("/VolumeDriver.Mount", ours),
              "{\"Mountpoint\":\"" + path("/store/nvidia_driver/361.48") + "\",\"Err\":null}\n");
    (void)call("/VolumeDriver.Unmount", ours);
  };
  start();
  EXPECT_EQ(content_of(file), "cuda");
  EXPECT_THAT(volume_files(), ::testing::ContainerEq(all_files()));

  fs::remove(path("/driver/libcuda.so.361.48"));
  put("/driver/libcuda.so.361.48", "CUDA");
  start();
  EXPECT_EQ(content_of(file), "CUDA");

  // What cannot be compared is mounted as it is.
  fs::remove(path("/driver/libcuda.so.361.48"));
  start();
  EXPECT_THAT(log_, Contains(StartsWith("Warning: ")));
  driver_ = "none";
  start();
  driver_ = "370.1";
  start();
  EXPECT_EQ(content_of(file), "CUDA");
}

TEST_F(VolumePlugin, RefusesToRemoveWhatAContainerUses) {
  const auto mount = R"({"Name":"nvidia_driver_361.48","ID":"0123456789abcdef"})";
  ASSERT_EQ(body_of("/VolumeDriver.Create", mount), "{\"Err\":null}\n");
  (void)call("/VolumeDriver.Mount", mount);
  renew();

  EXPECT_EQ(body_of("/VolumeDriver.Remove", mount),
            "{\"Err\":\"volume is in use: nvidia_driver_361.48\"}\n");
  (void)call("/VolumeDriver.Unmount", mount);
  EXPECT_EQ(body_of("/VolumeDriver.Remove", mount), "{\"Err\":null}\n");
}

}  // namespace
}  // namespace nvhook::volumes
