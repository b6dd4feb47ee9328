// SPDX-License-Identifier: Apache-2.0
// What nvhook config prints.
#include "nvhook/config/print.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "nvhook/config/nvidia_toml.hpp"

namespace nvhook::config {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kEverythingElse = R"(
[roots]
driver = "/run/nvidia/driver"
dev = "/d"
proc = "/p"
sys = "/s"
[search]
libraries = ["/l/1", "/l/\"2\\"]
programs = []
nodes = "/n"
[requests]
accept_environment_when_unprivileged = false
accept_volume_mounts = true
swarm_resources = ["A", "B'\"\\"]
supported_capabilities = ["ngx", "compute"]
disable_require = true
ignore_imex_channels = true
[container]
layout = "tree"
cuda_compat = "off"
procfs = "none"
mps_directory = "/m"
persistenced_socket = false
fabricmanager_socket = false
firmware = false
cgroups = false
[nvml]
probe = "/x"
deadline = 0.125
[log]
file = "/\u00e9\u0007\u0085\u007f\t\n#\u2028"
)";

Parsed parsed(std::string_view toml) {
  auto result = parse(toml, "/etc/nvhook/config.toml");
  EXPECT_TRUE(result) << result.error().text();
  return result ? std::move(*result) : Parsed{};
}

void expect_to_come_back(const Parsed& effective) {
  const auto again = parse(to_toml(effective), "again");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_THAT(again->warnings, IsEmpty());
  EXPECT_EQ(again->settings, effective.settings);
}

TEST(PrintedSettings, ComeBackWhenRead) {
  expect_to_come_back({.settings = defaults()});
  expect_to_come_back(parsed(kEverythingElse));
  expect_to_come_back(parsed("[requests]\nsupported_capabilities = []\n[search]\nlibraries = []"));
  std::string names = "'A'";
  for (int i = 0; i < 100; ++i) names += ",\n'" + std::to_string(i) + std::string(250, 'A') + "'";
  expect_to_come_back(parsed("requests.swarm_resources = [" + names + "]"));
  for (const auto* word : {"view", "params", "none"})
    expect_to_come_back(parsed("container.procfs = '" + std::string(word) + "'"));
  for (const auto* time : {"0.1", "1", "1.5", "1.25", "10", "39.999", "40"})
    expect_to_come_back(parsed("nvml.deadline = " + std::string(time)));
}

TEST(PrintedSettings, HaveNothingThatATerminalObeys) {
  const auto text = to_toml(parsed(kEverythingElse));

  EXPECT_THAT(text, HasSubstr("file = \"/\u00e9\\u0007\\u0085\\u007F\\u0009\\u000A#"));
  for (const auto c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

TEST(PrintedSettings, SayWhereEachComesFrom) {
  auto effective = parsed("[roots]\ndriver = '/a'\nproc = '/p'\n[log]\nfile = '/l'\n");
  effective.given.push_back({.table = "roots", .name = "driver", .option = "--driver-root"});

  const auto text = to_toml(effective);

  EXPECT_THAT(text, HasSubstr("\ndriver = \"/a\"  # --driver-root\n"));
  EXPECT_THAT(text, HasSubstr("\nproc = \"/p\"    # /etc/nvhook/config.toml:3\n"));
  EXPECT_THAT(text, HasSubstr("\nsys = \"/sys\"   # default\n"));
  EXPECT_THAT(text, HasSubstr("\nfile = \"/l\"  # /etc/nvhook/config.toml:5\n"));
}

TEST(PrintedSettings, OfNvidiasFileAreOurs) {
  const auto effective = parse_nvidia(
      "[nvidia-container-cli]\nno-cgroups = true\nroot = '/run/nvidia/driver'\n", "n.toml");
  ASSERT_TRUE(effective) << effective.error().text();

  const auto text = to_toml(*effective);

  EXPECT_THAT(text, HasSubstr("driver = \"/run/nvidia/driver\"  # n.toml:3\n"));
  EXPECT_THAT(text, HasSubstr("cgroups = false              # n.toml:2\n"));
  expect_to_come_back(*effective);
}

TEST(PrintedSettings, LookSo) {
  auto effective = parsed(
      "[search]\nlibraries = ['/opt/nvidia/lib64']\nprograms = []\n"
      "[requests]\nswarm_resources = ['A', 'B']\n[nvml]\ndeadline = 2.50\n");
  effective.settings.roots.dev = "/";
  effective.given.push_back({.table = "roots", .name = "dev", .option = "--dev-root"});

  EXPECT_EQ(to_toml(effective),
            R"(# /etc/nvhook/config.toml; behind each setting stands where it comes from.

[roots]
driver = "/"    # default
dev = "/"       # --dev-root
proc = "/proc"  # default
sys = "/sys"    # default

[search]
libraries = [   # /etc/nvhook/config.toml:2
  "/opt/nvidia/lib64",
]
programs = []   # /etc/nvhook/config.toml:3
nodes = "/dev"  # default

[requests]
accept_environment_when_unprivileged = true  # default
accept_volume_mounts = false                 # default
swarm_resources = ["A", "B"]                 # /etc/nvhook/config.toml:5
supported_capabilities = ["all"]             # default
disable_require = false                      # default
ignore_imex_channels = false                 # default

[container]
layout = "system"            # default
cuda_compat = "auto"         # default
procfs = "view"              # default
mps_directory = ""           # default
persistenced_socket = true   # default
fabricmanager_socket = true  # default
firmware = true              # default
cgroups = true               # default

[nvml]
probe = ""      # default
deadline = 2.5  # /etc/nvhook/config.toml:7

[companion]
rest = true                               # default
volumes = true                            # default
listen = "127.0.0.1:3476"                 # default
listen_insecure = false                   # default
allowed_hosts = []                        # default
processes = true                          # default
store = "/var/lib/nvidia-docker/volumes"  # default
links = true                              # default
socket_directory = "/run/docker/plugins"  # default
spec_file = ""                            # default

[log]
file = ""  # default
)");
  EXPECT_THAT(to_toml({.settings = defaults()}),
              HasSubstr("# No configuration file; behind each setting"));
}

TEST(PrintedSettings, AsJsonHaveValuesAndOrigins) {
  auto effective =
      parsed("[log]\nfile = '/l'\n[requests]\nsupported_capabilities = ['ngx']\nx = 1");
  effective.given.push_back({.table = "roots", .name = "sys", .option = "--sys-root"});

  const auto document = nlohmann::json::parse(to_json(effective));

  EXPECT_EQ(document["schema"], "nvhook.config/1");
  EXPECT_EQ(document["file"], "/etc/nvhook/config.toml");
  const auto find = [&](std::string_view key) -> nlohmann::json {
    for (const auto& setting : document["settings"])
      if (setting["key"] == key) return setting;
    return {};
  };
  EXPECT_EQ(find("file")["value"], "/l");
  EXPECT_EQ(find("file")["origin"], (nlohmann::json{{"from", "file"},
                                                    {"file", "/etc/nvhook/config.toml"},
                                                    {"line", 2},
                                                    {"option", nullptr}}));
  EXPECT_EQ(find("sys")["origin"]["option"], "--sys-root");
  EXPECT_EQ(find("layout")["value"], "system");
  EXPECT_EQ(find("layout")["origin"]["from"], "default");
  EXPECT_EQ(find("deadline")["value"], 20);
  EXPECT_EQ(find("cgroups")["value"], true);
  EXPECT_EQ(find("programs")["value"].size(), defaults().search.programs.size());
  EXPECT_EQ(find("supported_capabilities")["value"], nlohmann::json{"ngx"});
  EXPECT_EQ(document["warnings"].size(), 1U);
}

}  // namespace
}  // namespace nvhook::config
