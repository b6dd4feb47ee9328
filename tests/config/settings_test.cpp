// SPDX-License-Identifier: Apache-2.0
#include "nvhook/config/settings.hpp"

#include <gmock/gmock.h>

namespace nvhook::config {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Settings settings_of(std::string_view toml) {
  auto parsed = parse(toml, "c.toml");
  EXPECT_TRUE(parsed) << parsed.error().text();
  if (!parsed) return {};
  EXPECT_THAT(parsed->warnings, IsEmpty());
  return std::move(parsed->settings);
}

TEST(Settings, AreTheDefaultsForAnEmptyFile) {
  EXPECT_EQ(settings_of(""), defaults());
  EXPECT_EQ(settings_of("[roots]\n[search]\n[requests]\n[container]\n[nvml]\n[log]\n"), defaults());
}

TEST(Settings, HaveDefaultsOfTheHost) {
  const auto settings = defaults();

  EXPECT_EQ(settings.roots, (Roots{"/", "", "/proc", "/sys"}));
  EXPECT_EQ(settings.search.nodes, "/dev");
  EXPECT_EQ(settings.search.libraries.front(), "/usr/lib/x86_64-linux-gnu");
  EXPECT_EQ(settings.search.libraries.back(), "/usr/local/nvidia/lib");
  EXPECT_EQ(settings.search.programs.back(), "/usr/local/nvidia/bin");
  EXPECT_EQ(settings.container.layout, Layout::System);
  EXPECT_EQ(settings.container.cuda_compat, CudaCompat::Auto);
  EXPECT_EQ(settings.container.procfs, ProcfsView::View);
  EXPECT_EQ(settings.container.mps_directory, "");
  EXPECT_TRUE(settings.container.cgroups);
  EXPECT_TRUE(settings.requests.accept_environment_when_unprivileged);
  EXPECT_FALSE(settings.requests.accept_volume_mounts);
  EXPECT_EQ(settings.requests.supported_capabilities, Capabilities::all());
  EXPECT_EQ(settings.nvml.probe, "");
  EXPECT_EQ(settings.nvml.deadline, 20s);
  EXPECT_EQ(settings.log.file, "");
}

TEST(Settings, TakeEveryKey) {
  const auto settings = settings_of(R"(
[roots]
driver = "/run/nvidia//driver/"
dev = "/run/nvidia/driver"
proc = "/fake/proc"
sys = "/fake/sys"

[search]
libraries = ["/opt/lib64", "/opt/lib"]
programs = []
nodes = "/nodes"

[requests]
accept_environment_when_unprivileged = false
accept_volume_mounts = true
swarm_resources = ["DOCKER_RESOURCE_GPU", "DOCKER_RESOURCE_NVIDIA-GPU", "DOCKER_RESOURCE_GPU"]
supported_capabilities = ["utility", "compute"]
disable_require = true
ignore_imex_channels = true

[container]
layout = "tree"
cuda_compat = "off"
procfs = "params"
mps_directory = "/run/mps"
persistenced_socket = false
fabricmanager_socket = false
firmware = false
cgroups = false

[nvml]
probe = "/opt/nvhook-nvml"
deadline = 2.5

[log]
file = "/var/log/nvhook.json"
)");

  EXPECT_EQ(settings.roots,
            (Roots{"/run/nvidia/driver", "/run/nvidia/driver", "/fake/proc", "/fake/sys"}));
  EXPECT_THAT(settings.search.libraries, ElementsAre("/opt/lib64", "/opt/lib"));
  EXPECT_THAT(settings.search.programs, IsEmpty());
  EXPECT_EQ(settings.search.nodes, "/nodes");
  EXPECT_FALSE(settings.requests.accept_environment_when_unprivileged);
  EXPECT_TRUE(settings.requests.accept_volume_mounts);
  EXPECT_THAT(settings.requests.swarm_resources,
              ElementsAre("DOCKER_RESOURCE_GPU", "DOCKER_RESOURCE_NVIDIA-GPU"));
  EXPECT_EQ(settings.requests.supported_capabilities,
            (Capabilities{Capability::Compute, Capability::Utility}));
  EXPECT_TRUE(settings.requests.disable_require);
  EXPECT_TRUE(settings.requests.ignore_imex_channels);
  EXPECT_EQ(settings.container.layout, Layout::Tree);
  EXPECT_EQ(settings.container.cuda_compat, CudaCompat::Off);
  EXPECT_EQ(settings.container.procfs, ProcfsView::Params);
  EXPECT_EQ(settings.container.mps_directory, "/run/mps");
  EXPECT_FALSE(settings.container.persistenced_socket);
  EXPECT_FALSE(settings.container.fabricmanager_socket);
  EXPECT_FALSE(settings.container.firmware);
  EXPECT_FALSE(settings.container.cgroups);
  EXPECT_EQ(settings.nvml.probe, "/opt/nvhook-nvml");
  EXPECT_EQ(settings.nvml.deadline, 2500ms);
  EXPECT_EQ(settings.log.file, "/var/log/nvhook.json");
}

TEST(Settings, MayBeWrittenAsUnsetWhereTheyAreUnset) {
  EXPECT_EQ(settings_of("[roots]\ndev = \"\"\n[log]\nfile = \"\"\n"), defaults());
  EXPECT_FALSE(parse("[roots]\nproc = \"\"\n", "c.toml"));
}

TEST(Settings, NameThePlaceOfAWrongValue) {
  const struct {
    std::string_view toml, expected;
  } cases[] = {
      {"[roots]\ndriver = 7", "c.toml:2: roots.driver is an integer, a string is due"},
      {"[roots]\ndriver = [\"/\"]", "c.toml:2: roots.driver is an array, a string is due"},
      {"\n[search]\nlibraries = \"/usr/lib\"",
       "c.toml:3: search.libraries is a string, an array of strings is due"},
      {"[search]\nlibraries = [\n  \"/usr/lib\",\n  true,\n]",
       "c.toml:4: search.libraries[1] is a boolean, a string is due"},
      {"[search]\nprograms = [\"bin\"]", "c.toml:2: search.programs[0]: path \"bin\" is not abs"},
      {"[log]\nfile = \"/var/../log\"", "c.toml:2: log.file: path \"/var/../log\" has a dot"},
      {"[container]\ncuda_compat = false",
       "c.toml:2: container.cuda_compat is a boolean, \"auto\" or \"off\" is due"},
      {"[container]\ncuda_compat = \"\"",
       "c.toml:2: container.cuda_compat is \"\", \"auto\" or \"off\" is due"},
      {"[container]\ncuda_compat = \"Auto\"",
       "is \"Auto\", \"auto\" or \"off\" is due, the nearest is auto"},
      {"roots = 1979-05-27", "c.toml:1: roots is a date or time, a table is due"},
      {"[[log]]", "c.toml:1: log is an array, a table is due"},
      {"[roots]\ndriver = ", "c.toml:2:"},
      {"[roots]\ndriver = \"/a\"\ndriver = \"/b\"", "c.toml:3:"},
  };
  for (const auto& test : cases) {
    const auto parsed = parse(test.toml, "c.toml");
    ASSERT_FALSE(parsed) << test.toml;
    EXPECT_EQ(parsed.error().id(), ErrorId::Config);
    EXPECT_THAT(parsed.error().message(), HasSubstr(test.expected));
  }
}

TEST(Settings, WarnOfUnknownKeysInTheirOrder) {
  const auto parsed = parse(
      "zebra = 1\n[roots]\ndrvier = \"/x\"\nproc = \"/p\"\n[serach]\nnodes = \"/dev\"\n"
      "[log.file-x]\n",
      "c.toml");

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->settings.roots.proc, "/p");
  std::vector<std::string> texts;
  for (const auto& warning : parsed->warnings) {
    EXPECT_EQ(warning.id, WarningId::ConfigKey);
    texts.push_back(warning.text);
  }
  EXPECT_THAT(
      texts, ElementsAre("c.toml:1: unknown key \"zebra\"",
                         "c.toml:3: roots: unknown key \"drvier\", the nearest known one is driver",
                         "c.toml:5: unknown key \"serach\", the nearest known one is search",
                         "c.toml:7: log: unknown key \"file-x\", the nearest known one is file"));
}

TEST(Settings, KnowKeysOfOtherTables) {
  const auto parsed = parse("layout = \"tree\"\n[log]\ndeadline = 1\n[nvml]\ndeadlines = 2\n", "c");

  ASSERT_TRUE(parsed) << parsed.error().text();
  std::vector<std::string> texts;
  for (const auto& warning : parsed->warnings) texts.push_back(warning.text);
  EXPECT_THAT(
      texts,
      ElementsAre("c:1: unknown key \"layout\", the nearest known one is container.layout",
                  "c:3: log: unknown key \"deadline\", the nearest known one is nvml.deadline",
                  "c:5: nvml: unknown key \"deadlines\", the nearest known one is deadline"));
}

TEST(Settings, OfTheContainerTakeEveryWord) {
  EXPECT_EQ(settings_of("[container]\ncuda_compat = \"auto\"").container.cuda_compat,
            CudaCompat::Auto);
  EXPECT_EQ(settings_of("container.cuda_compat = 'off'").container.cuda_compat, CudaCompat::Off);
}

TEST(Settings, SurviveKeysOfManyParts) {
  std::string half = "a";
  while (half.size() + 20 < 8192) half += ".a";
  const auto deepest = "[" + half + half + "]\n" + half + " = {" + half + " = 1}";

  const auto parsed = parse(deepest, "c.toml");
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(parsed->warnings.size(), 1U);
}

TEST(Settings, RefuseALineThatIsTooLong) {
  const auto parsed = parse("\na" + std::string(16384, ' ') + "= 1", "c.toml");

  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message(), HasSubstr("c.toml:2: line longer than"));
}

TEST(Settings, MayUseAnyLetterInCommentsAndStrings) {
  const auto settings = settings_of(
      "\xEF\xBB\xBF# f\u00fcr \u3007\n"
      "[log] # \u00e9\n"
      "file = \"/\\\"\\\\\u00e9\" # \"\u00e9\n"
      "[search]\n"
      "nodes = '/\u00e9'\n"
      "programs = ['''/a'\u00e9''''', \"\"\"/\\\n \u00e9\"\"\"\"\"] # \u00e9\n");

  EXPECT_EQ(settings.log.file, "/\"\\\u00e9");
  EXPECT_EQ(settings.search.nodes, "/\u00e9");
  EXPECT_THAT(settings.search.programs, ElementsAre("/a'\u00e9''", "/\u00e9\"\""));
}

TEST(Settings, RefuseLettersWhereBlanksAreDue) {
  for (const auto* text : {"\nfile = \u00e9", "\n\u00e9 = 1", "\nfile = \"\"\u3007",
                           "a='#'\n\uFB3F", "a = \"\"\"\n\\\u00e9\"\"\"", "\nfile = 0\"\u0396\""}) {
    const auto parsed = parse(text, "c.toml");
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message(), HasSubstr("c.toml:2:"));
  }
}

TEST(Settings, RefuseNamesOfTablesThatAreNone) {
  for (const auto* text : {"\n[^a]", "\n[[=]]", "\n[]", "\n[a.]", "\n[a.=]", "\n["}) {
    const auto parsed = parse(text, "c.toml");
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message(), HasSubstr("c.toml:2:"));
  }
}

TEST(Settings, RefuseDeepNesting) {
  EXPECT_FALSE(parse("a = " + std::string(10'000, '['), "c.toml"));
}

}  // namespace
}  // namespace nvhook::config
