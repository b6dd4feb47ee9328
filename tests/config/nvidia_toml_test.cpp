// SPDX-License-Identifier: Apache-2.0
// What the configuration of NVIDIA's container toolkit means to nvhook.
#include "nvhook/config/nvidia_toml.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "config/keys.hpp"
#include "config/nvidia_keys.hpp"

namespace nvhook::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Parsed read(std::string_view toml) {
  auto parsed = parse_nvidia(toml, "n.toml");
  EXPECT_TRUE(parsed) << parsed.error().text();
  return parsed ? std::move(*parsed) : Parsed{};
}

Settings changed(void (*change)(Settings&)) {
  auto settings = defaults();
  change(settings);
  return settings;
}

// As its package installs it, and as `nvidia-ctk config` writes it.
constexpr auto kInstalled = R"(
#accept-nvidia-visible-devices-as-volume-mounts = false
disable-require = false
supported-driver-capabilities = "compat32,compute,display,graphics,ngx,utility,video"

[nvidia-container-cli]
#debug = "/var/log/nvidia-container-toolkit.log"
environment = []
#ldcache = "/etc/ld.so.cache"
ldconfig = "@/sbin/ldconfig.real"
load-kmods = true
#user = "root:video"

[nvidia-container-runtime]
#debug = "/var/log/nvidia-container-runtime.log"
log-level = "info"
mode = "auto"
runtimes = ["docker-runc", "runc", "crun"]

[nvidia-container-runtime.modes]

[nvidia-container-runtime.modes.cdi]
annotation-prefixes = ["cdi.k8s.io/"]
default-kind = "nvidia.com/gpu"
spec-dirs = ["/etc/cdi", "/var/run/cdi"]

[nvidia-container-runtime.modes.csv]
mount-spec-path = "/etc/nvidia-container-runtime/host-files-for-container.d"

[nvidia-container-runtime.modes.legacy]
cuda-compat-mode = "ldconfig"

[nvidia-container-runtime-hook]
path = "nvidia-container-runtime-hook"
skip-mode-detection = false

[nvidia-ctk]
path = "nvidia-ctk"
)";

TEST(NvidiasFile, AsInstalledChangesNothing) {
  const auto parsed = read(kInstalled);

  EXPECT_EQ(parsed.settings, defaults());
  EXPECT_THAT(parsed.warnings, IsEmpty());
}

constexpr struct Meaning {
  std::string_view toml;
  void (*change)(Settings&);
  std::string_view name;  // of the setting that is made
} kMeanings[] = {
    {"disable-require = true", [](Settings& s) { s.requests.disable_require = true; },
     "disable_require"},
    {"swarm-resource = ' A, ,B,A '",
     [](Settings& s) {
       s.requests.swarm_resources = {"A", "B"};
     },
     "swarm_resources"},
    {"accept-nvidia-visible-devices-envvar-when-unprivileged = false",
     [](Settings& s) { s.requests.accept_environment_when_unprivileged = false; },
     "accept_environment_when_unprivileged"},
    {"accept-nvidia-visible-devices-as-volume-mounts = true",
     [](Settings& s) { s.requests.accept_volume_mounts = true; }, "accept_volume_mounts"},
    {"supported-driver-capabilities = 'compute, utility'",
     [](Settings& s) {
       s.requests.supported_capabilities = {Capability::Compute, Capability::Utility};
     },
     "supported_capabilities"},
    {"supported-driver-capabilities = ''",
     [](Settings& s) { s.requests.supported_capabilities = {}; }, "supported_capabilities"},
    {"supported-driver-capabilities = 'all'", [](Settings&) {}, "supported_capabilities"},
    {"nvidia-container-cli.root = '/run/nvidia/driver/'",
     [](Settings& s) { s.roots.driver = "/run/nvidia/driver"; }, "driver"},
    {"nvidia-container-cli.debug = '/var/log/n.log'",
     [](Settings& s) { s.log.file = "/var/log/n.log"; }, "file"},
    {"nvidia-container-cli.no-cgroups = true", [](Settings& s) { s.container.cgroups = false; },
     "cgroups"},
    {"nvidia-container-cli.no-cgroups = false", [](Settings&) {}, "cgroups"},
    {"nvidia-container-runtime.modes.legacy.cuda-compat-mode = 'disabled'",
     [](Settings& s) { s.container.cuda_compat = CudaCompat::Off; }, "cuda_compat"},
    {"features.disable-cuda-compat-lib-hook = true",
     [](Settings& s) { s.container.cuda_compat = CudaCompat::Off; }, "cuda_compat"},
    {"features.ignore-imex-channel-requests = true",
     [](Settings& s) { s.requests.ignore_imex_channels = true; }, "ignore_imex_channels"},
};

TEST(NvidiasFile, MeansTheseSettings) {
  for (const auto& [toml, change, name] : kMeanings) {
    const auto parsed = read(toml);
    EXPECT_EQ(parsed.settings, changed(change)) << toml;
    EXPECT_THAT(parsed.warnings, IsEmpty()) << toml;
    ASSERT_EQ(parsed.given.size(), 1U) << toml;
    EXPECT_EQ(parsed.given.front().name, name);
    EXPECT_EQ(parsed.given.front().line, 1U);
  }
}

TEST(NvidiasFile, MeansSettingsThatThereAre) {
  const auto is_ours = [](const Ours& ours) {
    return ours.table.empty() || std::ranges::any_of(all_keys(), [&](const Key& key) {
             return key.table == ours.table && key.name == ours.name;
           });
  };
  for (const auto& key : all_nvidia_keys()) {
    const auto* flag = std::get_if<FlagMeans>(&key.meaning);
    const auto* text = std::get_if<TextMeans>(&key.meaning);
    EXPECT_TRUE(is_ours(flag != nullptr   ? flag->ours
                        : text != nullptr ? text->ours
                                          : Ours{}))
        << key.name;
  }
}

// What says what is so anyway, and what is about the programs that nvhook stands in for.
constexpr std::string_view kWithoutEffect[] = {
    "swarm-resource = ''",
    "nvidia-container-cli.root = ''",
    "nvidia-container-cli.path = '/usr/bin/nvidia-container-cli'",
    "nvidia-container-cli.environment = []",
    "nvidia-container-cli.debug = ''",
    "nvidia-container-cli.ldcache = ''",
    "nvidia-container-cli.ldcache = '/etc/ld.so.cache'",
    "nvidia-container-cli.load-kmods = false",
    "nvidia-container-cli.no-pivot = true",
    "nvidia-container-cli.user = 'root:video'",
    "nvidia-container-cli.ldconfig = '@/sbin/ldconfig.real'",
    "nvidia-container-runtime.debug = '/dev/null'",
    "nvidia-container-runtime.log-level = 'debug'",
    "nvidia-container-runtime.runtimes = ['runc']",
    "nvidia-container-runtime.mode = ''",
    "nvidia-container-runtime.mode = 'auto'",
    "nvidia-container-runtime.mode = 'legacy'",
    "nvidia-container-runtime.modes.csv.mount-spec-path = '/etc'",
    "nvidia-container-runtime.modes.csv.compat-container-root = '/'",
    "nvidia-container-runtime.modes.cdi.default-kind = 'a/b'",
    "nvidia-container-runtime.modes.cdi.annotation-prefixes = ['a/']",
    "nvidia-container-runtime.modes.cdi.spec-dirs = ['/etc/cdi']",
    "nvidia-container-runtime.modes.jit-cdi.nvcdi-feature-flags = ['a']",
    "nvidia-container-runtime.modes.jit-cdi.nvcdi-disable-hooks = ['a']",
    "nvidia-container-runtime.modes.legacy.cuda-compat-mode = ''",
    "nvidia-container-runtime.modes.legacy.cuda-compat-mode = 'ldconfig'",
    "nvidia-container-runtime.modes.legacy.cuda-compat-mode = 'mount'",
    "nvidia-container-runtime.modes.legacy.cuda-compat-mode = 'hook'",
    "nvidia-container-runtime-hook.path = 'nvidia-container-runtime-hook'",
    "nvidia-container-runtime-hook.skip-mode-detection = true",
    "nvidia-ctk.path = 'nvidia-ctk'",
    "features.allow-cuda-compat-libs-from-container = true",
    "features.allow-ldconfig-from-container = true",
    "features.allow-unknown-oci-spec-fields = true",
    "features.disable-cuda-compat-lib-hook = false",
    "features.disable-imex-channel-creation = true",
    "features.no-additional-gids-for-device-nodes = true",
};

TEST(NvidiasFile, SaysNothingOfWhatDoesNotConcernNvhook) {
  for (const auto toml : kWithoutEffect) {
    const auto parsed = read(toml);
    EXPECT_EQ(parsed.settings, defaults()) << toml;
    EXPECT_THAT(parsed.warnings, IsEmpty()) << toml;
    EXPECT_THAT(parsed.given, IsEmpty()) << toml;
  }
}

// Every key stands in one of the two tables above.
TEST(NvidiasFile, HasEveryKeyTested) {
  for (const auto& key : all_nvidia_keys()) {
    const auto start =
        (key.table.empty() ? "" : std::string(key.table) + ".") + std::string(key.name) + " = ";
    const auto begins = [&](std::string_view toml) { return toml.starts_with(start); };
    EXPECT_TRUE(std::ranges::any_of(kMeanings, begins, &Meaning::toml) ||
                std::ranges::any_of(kWithoutEffect, begins))
        << start;
  }
}

TEST(NvidiasFile, IsWarnedOfWhereItAsksForWhatNvhookDoesNotDo) {
  const struct {
    std::string_view toml, text;
  } cases[] = {
      {"nvidia-container-runtime.mode = 'cdi'",
       "n.toml:1: nvidia-container-runtime.mode has no effect: nvhook does what mode legacy does, "
       "not \"cdi\""},
      {"nvidia-container-runtime.mode = 'csv'", "not \"csv\""},
      {"nvidia-container-runtime.mode = 'jit-cdi'", "not \"jit-cdi\""},
      {"nvidia-container-runtime.mode = \"\\u001b[31m\"", "not \"\\x1b[31m\""},
      {"[nvidia-container-cli]\nenvironment = ['A=B']",
       "n.toml:2: nvidia-container-cli.environment has no effect: nvhook takes no setting"},
      {"nvidia-container-cli.ldconfig = '/sbin/ldconfig'", "runs nothing of an image"},
      {"nvidia-container-cli.ldcache = '/other'", "reads etc/ld.so.cache below the driver's root"},
      {"nvidia-container-runtime.modes.legacy.cuda-compat-mode = 'on'",
       "\"on\" is none of \"ldconfig\""},
  };
  for (const auto& [toml, text] : cases) {
    const auto parsed = read(toml);
    EXPECT_EQ(parsed.settings, defaults()) << toml;
    ASSERT_EQ(parsed.warnings.size(), 1U) << toml;
    EXPECT_EQ(parsed.warnings.front().id, WarningId::ConfigKey);
    EXPECT_THAT(parsed.warnings.front().text, HasSubstr(text));
  }
}

TEST(NvidiasFile, IsWarnedOfUnknownKeysInEveryTable) {
  const auto parsed = read(
      "disable-requires = true\n"
      "[nvidia-container-cli]\nno-cgroup = true\nmode = 'auto'\n"
      "[nvidia-container-runtime.modes.legacy]\ncuda-compat = 'disabled'\n"
      "[nvidia-container-runtime.mods]\n"
      "[feature]\n['nvidia-container-runtime.modes']\n");

  EXPECT_EQ(parsed.settings, defaults());
  std::vector<std::string> texts;
  for (const auto& warning : parsed.warnings) texts.push_back(warning.text.substr(7));
  EXPECT_THAT(
      texts,
      ElementsAre(
          "1: unknown key \"disable-requires\", the nearest known one is disable-require",
          "3: nvidia-container-cli: unknown key \"no-cgroup\", the nearest known one is "
          "no-cgroups",
          "4: nvidia-container-cli: unknown key \"mode\", the nearest known one is "
          "nvidia-container-runtime.mode",
          "6: nvidia-container-runtime.modes.legacy: unknown key \"cuda-compat\", the nearest "
          "known one is cuda-compat-mode",
          "7: nvidia-container-runtime: unknown key \"mods\", the nearest known one is mode",
          "8: unknown key \"feature\", the nearest known one is features",
          "9: unknown key \"nvidia-container-runtime.modes\", the nearest known one is "
          "nvidia-container-runtime-hook"));
}

TEST(NvidiasFile, IsRefusedWithWrongValues) {
  const struct {
    std::string_view toml, why;
  } cases[] = {
      {"disable-require = 'true'", "n.toml:1: disable-require is a string, true or false is due"},
      {"swarm-resource = ['A']", "swarm-resource is an array, a string is due"},
      {"swarm-resource = 'A,B=C'", "\"B=C\", the name of a variable is due"},
      {"supported-driver-capabilities = 'compute,gfx'",
       "supported-driver-capabilities[1] is \"gfx\", \"all\", \"compute\""},
      {"supported-driver-capabilities = ['all']", "is an array, a string is due"},
      {"[nvidia-container-cli]\nroot = 'run'",
       "n.toml:2: nvidia-container-cli.root: path \"run\" is not absolute"},
      {"nvidia-container-cli.debug = '../log'", "is not absolute"},
      {"nvidia-container-cli.environment = 'A=B'", "is a string, an array of strings is due"},
      {"nvidia-container-cli.ldconfig = true", "is a boolean, a string is due"},
      {"nvidia-container-cli.no-cgroups = 1", "is an integer, true or false is due"},
      {"nvidia-container-cli = true", "nvidia-container-cli is a boolean, a table is due"},
      {"nvidia-container-runtime.modes.legacy = 'x'",
       "nvidia-container-runtime.modes.legacy is a string, a table is due"},
      {"nvidia-container-runtime.mode = 1", "is an integer, a string is due"},
      {"[features]\nignore-imex-channel-requests = ", "n.toml:2:"},
  };
  for (const auto& [toml, why] : cases) {
    const auto parsed = parse_nvidia(toml, "n.toml");
    ASSERT_FALSE(parsed) << toml;
    EXPECT_EQ(parsed.error().id(), ErrorId::Config);
    EXPECT_THAT(parsed.error().message(), HasSubstr(why));
  }
  EXPECT_FALSE(parse_nvidia("\na" + std::string(16384, ' ') + "= 1", "n.toml"));
}

// Whatever the order of the two.
TEST(NvidiasFile, TurnsCudaCompatibilityOffByEitherKey) {
  const auto parsed = read(
      "[features]\ndisable-cuda-compat-lib-hook = true\n"
      "[nvidia-container-runtime.modes.legacy]\ncuda-compat-mode = 'ldconfig'\n");

  EXPECT_EQ(parsed.settings.container.cuda_compat, CudaCompat::Off);
  ASSERT_EQ(parsed.given.size(), 1U);
  EXPECT_EQ(parsed.given.front().line, 2U);
}

}  // namespace
}  // namespace nvhook::config
