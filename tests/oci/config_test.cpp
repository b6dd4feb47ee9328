// SPDX-License-Identifier: Apache-2.0
#include "nvhook/oci/config.hpp"

#include <gmock/gmock.h>

namespace nvhook::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string config_with(std::string_view members) {
  return R"({"ociVersion":"1.0.2","root":{"path":"rootfs"})" +
         (members.empty() ? "" : "," + std::string(members)) + "}";
}

TEST(Config, IsReadWholly) {
  const auto config = parse_config(R"({
    "ociVersion": "1.0.2-dev",
    "process": {
      "terminal": false, "user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/",
      "env": ["PATH=/bin", "NVIDIA_VISIBLE_DEVICES=all", "EMPTY="],
      "capabilities": {"bounding": ["CAP_KILL", "CAP_SYS_ADMIN"], "effective": ["CAP_KILL"]},
      "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]
    },
    "root": {"path": "/srv/root", "readonly": true},
    "hostname": "h",
    "mounts": [
      {"destination": "/proc", "type": "proc", "source": "proc"},
      {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}
    ],
    "linux": {
      "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
      "gidMappings": [{"containerID": 0, "hostID": 200000, "size": 4294967295}],
      "resources": {"memory": {"limit": 1}, "devices": [
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 195, "minor": -1, "access": "rw"}]},
      "cgroupsPath": "system.slice:crio:1",
      "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/x"}],
      "mountLabel": "system_u:object_r:container_file_t:s0:c1,c2",
      "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"]}]}
    }
  })");

  ASSERT_TRUE(config) << config.error().text();
  const Config expected = {
      .oci_version = "1.0.2-dev",
      .root_path = "/srv/root",
      .root_readonly = true,
      .env = {"NVIDIA_VISIBLE_DEVICES=all"},
      .bounding_capabilities = {"CAP_KILL", "CAP_SYS_ADMIN"},
      .sys_admin = true,
      .mounts = {{"/proc", "proc", "proc", {}}, {"/dev", "tmpfs", "tmpfs", {"nosuid", "mode=755"}}},
      .mount_label = "system_u:object_r:container_file_t:s0:c1,c2",
      .cgroups_path = "system.slice:crio:1",
      .namespaces = {{"pid", ""}, {"network", "/run/netns/x"}},
      .uid_mappings = {{0, 100000, 65536}},
      .gid_mappings = {{0, 200000, 4294967295}},
      .device_rules = {{false, "", std::nullopt, std::nullopt, "rwm"},
                       {true, "c", 195, std::nullopt, "rw"}},
  };
  EXPECT_EQ(*config, expected);
}

TEST(Config, NeedsNoProcessAndNoLinux) {
  const auto config = parse_config(config_with(""));

  ASSERT_TRUE(config) << config.error().text();
  Config expected;
  expected.oci_version = "1.0.2";
  expected.root_path = "rootfs";
  EXPECT_EQ(*config, expected);
}

TEST(Config, TakesNullForAbsent) {
  EXPECT_TRUE(parse_config(config_with(
      R"("process":{"env":null,"capabilities":null},"mounts":null,"linux":{"resources":null})")));
}

TEST(Config, TakesAFlatCapabilityListOfEarlyVersionsOnly) {
  const auto with_version = [](std::string_view version) {
    return parse_config(R"({"process":{"capabilities":["CAP_SYS_ADMIN"]},"ociVersion":")" +
                        std::string(version) + R"(","root":{"path":"r"}})");
  };

  for (const auto* version : {"1.0.0-rc1", "1.0.0-rc4", "1.0.0-rc2-dev"}) {
    const auto config = with_version(version);
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_THAT(config->bounding_capabilities, ElementsAre("CAP_SYS_ADMIN"));
    EXPECT_TRUE(config->sys_admin);
  }
  for (const auto* version : {"1.0.0-rc5", "1.0.0", "1.0.2-dev", "1.0.0-rc10", "x"}) {
    const auto config = with_version(version);
    ASSERT_FALSE(config) << version;
    EXPECT_EQ(config.error().id(), ErrorId::StateField);
    EXPECT_THAT(config.error().message(), HasSubstr("process.capabilities"));
  }
}

TEST(Config, FindsTheRightToMountInAnySet) {
  for (const std::string set : {"bounding", "effective", "permitted", "inheritable", "ambient"})
    for (const std::string name : {"CAP_SYS_ADMIN", "cap_sys_admin"}) {
      const auto config = parse_config(config_with(R"("process":{"capabilities":{")" + set +
                                                   R"(":["CAP_KILL",")" + name + R"("]}})"));
      ASSERT_TRUE(config) << config.error().text();
      EXPECT_TRUE(config->sys_admin) << set << " " << name;
    }
  for (const std::string capabilities :
       {R"({"bounding":["CAP_KILL","CAP_SYS_ADMINISTER","SYS_ADMIN"]})",
        R"({"other":["CAP_SYS_ADMIN"]})", "{}", "null"}) {
    const auto config =
        parse_config(config_with(R"("process":{"capabilities":)" + capabilities + "}"));
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_FALSE(config->sys_admin) << capabilities;
  }
}

TEST(Config, NamesTheFieldThatIsMissingOrWrong) {
  const struct {
    std::string json, expected;
  } cases[] = {
      {"{}", "ociVersion: is missing"},
      {R"({"ociVersion":"1"})", "root.path: is missing"},
      {R"({"ociVersion":"1","root":{"path":""}})", "root.path: is missing or empty"},
      {R"({"ociVersion":"1","root":{"path":7}})", "root.path: is an integer, a string is due"},
      {config_with(R"("process":{"env":["A=1","B=2","C=3",4]})"), "process.env[3]: is an integer"},
      {config_with(R"("process":{"env":["A=1",null]})"), "process.env[1]: is null"},
      {config_with(R"("process":{"env":["A=1","B"]})"), R"(process.env[1]: "B" has no "=")"},
      {config_with(R"("process":{"env":{}})"), "process.env: is an object, an array is due"},
      {config_with(R"("process":[])"), "process: is an array, an object is due"},
      {config_with(R"("process":{"capabilities":"all"})"), "process.capabilities: is a string"},
      {config_with(R"("Process":{"env":[]})"), "Process: the key differs from \"process\""},
      {config_with(R"("mounts":[{"destination":"/a"},{"type":"x"}])"), "mounts[1].destination"},
      {config_with(R"("mounts":[{"destination":"/a","options":["ro",1]}])"),
       "mounts[0].options[1]: is an integer"},
      {config_with(R"("mounts":["/a"])"), "mounts[0]: is a string, an object is due"},
      {config_with(R"("linux":{"namespaces":[{}]})"), "linux.namespaces[0].type: is missing"},
      {config_with(R"("linux":{"uidMappings":[{"size":4294967296}]})"),
       "linux.uidMappings[0].size: 4294967296 is out of range"},
      {config_with(R"("linux":{"gidMappings":[{"hostID":-1}]})"), "-1 is out of range"},
      {config_with(R"("linux":{"gidMappings":[{"hostID":"0"}]})"), "hostID: is a string"},
      {config_with(R"("linux":{"resources":{"devices":[{"major":-2}]}})"),
       "linux.resources.devices[0].major: -2 is out of range"},
      {config_with(R"("linux":{"resources":{"devices":[{"major":1.5}]}})"), "major: is a number"},
      {config_with(R"("linux":{"resources":{"devices":[{"type":"d"}]}})"), "none of a, b, c"},
      {config_with(R"("linux":{"resources":{"devices":[{"access":"rx"}]}})"), "made of r, w, m"},
      {config_with(R"("root":{"path":"x"},"linux":0)"), "linux: is an integer"},
  };
  for (const auto& test : cases) {
    const auto config = parse_config(test.json);
    ASSERT_FALSE(config) << test.json;
    EXPECT_EQ(config.error().id(), ErrorId::StateField) << test.json;
    EXPECT_THAT(config.error().message(), StartsWith("config.json: ")) << test.json;
    EXPECT_THAT(config.error().message(), HasSubstr(test.expected));
  }
}

TEST(Config, IsNotFooledByAKeyThatLooksLikeAPlace) {
  const auto config = parse_config(
      config_with(R"("process.env":["NVIDIA_=1"],"annotations":{"process":{"env":["NVIDIA_=2"]}},)"
                  R"("process":{"x":{"env":["NVIDIA_=3"]},"env":["NVIDIA_=4"],)"
                  R"("y":[{"env":["NVIDIA_=5"]}]})"));

  ASSERT_TRUE(config) << config.error().text();
  EXPECT_THAT(config->env, ElementsAre("NVIDIA_=4"));
}

TEST(Config, KeepsOnlyVariablesThatMayAskForGpus) {
  const auto config = parse_config(config_with(
      R"("process":{"env":["PASSWORD=1","NVIDIA_VISIBLE_DEVICES=0","nvidia_a=1","CUDA_VERSION=12",)"
      R"("NVIDIA_VISIBLE_DEVICES=1","\u004eVIDIA_B=1"]})"));

  ASSERT_TRUE(config) << config.error().text();
  EXPECT_THAT(config->env, ElementsAre("NVIDIA_VISIBLE_DEVICES=0", "CUDA_VERSION=12",
                                       "NVIDIA_VISIBLE_DEVICES=1", "NVIDIA_B=1"));
}

// `unit` as often as it takes for `bytes` of text.
std::string list_of(std::string_view unit, std::size_t bytes) {
  std::string list(unit);
  while (list.size() < bytes) (list += ',') += unit;
  return "[" + list + "]";
}

constexpr std::size_t kTooMuch = kMaxKept + (kMaxKept >> 4U);

TEST(Config, KeepsVariablesWhoseNamesAreGiven) {
  const std::vector<std::string> names = {"DOCKER_RESOURCE_GPU"};
  const auto config = parse_config(R"({"ociVersion":"1.0.2","root":{"path":"r"},"process":{"env":[
      "DOCKER_RESOURCE_GPU=0","DOCKER_RESOURCE_GPUS=1","XDOCKER_RESOURCE_GPU=2",
      "A=DOCKER_RESOURCE_GPU",
      "DOCKER_RESOURCE_GP\u0055="]}})",
                                   names);

  ASSERT_TRUE(config) << config.error().text();
  EXPECT_THAT(config->env, ElementsAre("DOCKER_RESOURCE_GPU=0", "DOCKER_RESOURCE_GPU="));
}

TEST(Config, RefusesToKeepMoreThanItsLimit) {
  const auto letters = [](std::size_t count) { return std::string(count, 'x'); };
  const struct {
    const char* what;
    std::string members;
  } cases[] = {
      {"text of variables",
       R"("process":{"env":)" + list_of(R"("NVIDIA_A=)" + letters(5000) + '"', kTooMuch) + "}"},
      {"text of mounts",
       R"("mounts":)" + list_of(R"({"destination":"/)" + letters(5000) + R"("})", kTooMuch)},
      // As text a tenth of what they take when kept.
      {"mounts", R"("mounts":)" + list_of(R"({"destination":"/"})", kTooMuch / 4)},
      {"options",
       R"("mounts":)" + list_of(R"({"destination":"/","options":)" + list_of("\"\"", 65536) + "}",
                                kTooMuch / 4)},
      {"device rules", R"("linux":{"resources":{"devices":)" + list_of("{}", kTooMuch / 16) + "}}"},
      {"capabilities", R"("process":{"capabilities":{"bounding":)" +
                           list_of('"' + letters(5000) + '"', kTooMuch) + "}}"},
  };
  for (const auto& test : cases) {
    const auto config = parse_config(config_with(test.members));
    ASSERT_FALSE(config) << test.what;
    EXPECT_EQ(config.error().id(), ErrorId::StateLimit) << test.what;
    EXPECT_THAT(config.error().message(), HasSubstr("more than 4194304 bytes")) << test.what;
  }
}

TEST(Config, TakesAnEnvironmentBeyondThatLimitIfItIsNotAboutGpus) {
  const auto env = list_of("\"A=" + std::string(5000, 'x') + '"', 2 * kMaxKept);

  EXPECT_TRUE(parse_config(config_with(R"("process":{"env":)" + env + "}")));
}

TEST(Config, RefusesKeysOfMoreThanAMebibyte) {
  const auto object_of = [](int keys) {
    std::string object;
    for (int i = 0; i < keys; ++i)
      object += (i == 0 ? "\"" : ",\"") + std::string(5000, 'k') + std::to_string(i) + "\":0";
    return "{" + object + "}";
  };

  EXPECT_TRUE(parse_config(config_with("\"a\":" + object_of(200) + ",\"b\":" + object_of(200))));
  const auto config = parse_config(config_with("\"a\":" + object_of(210)));
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().id(), ErrorId::StateLimit);
}

TEST(Config, RefusesARepeatedKeyWithEscapes) {
  const auto config = parse_config(config_with(R"("process":{"env":[],"\u0065nv":["A=1"]})"));

  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().id(), ErrorId::StateParse);
  EXPECT_THAT(config.error().message(), HasSubstr(R"(process: key "env" occurs twice)"));
}

TEST(Config, RefusesMoreThanTheLexerMayCollect) {
  constexpr std::size_t kLongest = std::size_t{1536} << 10U;
  for (const char filler : {' ', '7', 'x'})
    for (const auto* quote : {"", "\""}) {
      const auto config = parse_config("{\"a\":" + std::string(quote) +
                                       std::string(kLongest + 1, filler) + quote + "}");
      ASSERT_FALSE(config);
      EXPECT_EQ(config.error().id(), ErrorId::StateLimit);
    }
}

TEST(Config, RefusesMoreBlankLinesThanAnErrorMayShow) {
  const auto with_lines = [](std::size_t count) {
    return parse_config(config_with("\"a\":" + std::string(count, '\n') + "1"));
  };

  EXPECT_TRUE(with_lines(std::size_t{8} * 65536));
  EXPECT_EQ(with_lines(std::size_t{8} * 65536 + 1).error().id(), ErrorId::StateLimit);
}

TEST(Config, TakesTheLongestStringWrittenInEscapes) {
  std::string value = "A=";
  for (std::size_t i = 0; i < 256 * 1024 - 2; ++i) value += "\\u0061";

  EXPECT_TRUE(parse_config(config_with("\"process\":{\"env\":[\"" + value + "\"]}")));
}

TEST(Config, IsSixteenMebibytesAtMost) {
  const auto config = parse_config(std::string(kMaxConfigBytes + 1, '"'));

  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().id(), ErrorId::StateLimit);
}

}  // namespace
}  // namespace nvhook::oci
