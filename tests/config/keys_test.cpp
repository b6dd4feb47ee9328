// SPDX-License-Identifier: Apache-2.0
// Every key of the configuration file, with values that are right and wrong.
#include "config/keys.hpp"

#include <gmock/gmock.h>

#include "nvhook/config/settings.hpp"

namespace nvhook::config {
namespace {

using ::testing::HasSubstr;

// Values as TOML, and what is said of the wrong ones.
struct Row {
  std::string_view table, name;
  std::string_view right;  // other than the default
  std::string_view wrong_type, due;
  std::string_view wrong_value, why;  // none of a flag
};

constexpr auto kString = "a string is due";
constexpr auto kStrings = "an array of strings is due";
constexpr auto kFlag = "true or false is due";
constexpr auto kNotAbsolute = "is not absolute";
constexpr auto kUnset = "\"\"";

constexpr Row kRows[] = {
    {"roots", "driver", "'/d'", "1", kString, kUnset, kNotAbsolute},
    {"roots", "dev", "'/d'", "false", kString, "'d'", kNotAbsolute},
    {"roots", "proc", "'/p'", "1.5", kString, kUnset, kNotAbsolute},
    {"roots", "sys", "'/s'", "[]", kString, "'/../s'", "has a dot component"},
    {"search", "libraries", "['/l']", "'/l'", kStrings, "['/a', 'l']", "libraries[1]: path \"l\""},
    {"search", "programs", "[]", "{}", kStrings, "['']", "programs[0]: path \"\""},
    {"search", "nodes", "'/n'", "['/n']", kString, kUnset, kNotAbsolute},
    {"requests", "accept_environment_when_unprivileged", "false", "'no'", kFlag, "", ""},
    {"requests", "accept_volume_mounts", "true", "1", kFlag, "", ""},
    {"requests", "swarm_resources", "['A']", "'A'", kStrings, "['A', 'A=B']",
     "swarm_resources[1] is \"A=B\", the name of a variable is due"},
    {"requests", "supported_capabilities", "[]", "'all'", kStrings, "['compute', 'compat23']",
     "supported_capabilities[1] is \"compat23\", \"all\", \"compute\", \"compat32\", \"graphics\", "
     "\"utility\", \"video\", \"display\" or \"ngx\" is due, the nearest is compat32"},
    {"requests", "disable_require", "true", "'true'", kFlag, "", ""},
    {"requests", "ignore_imex_channels", "true", "[true]", kFlag, "", ""},
    {"container", "layout", "'tree'", "1", "\"system\" or \"tree\" is due", "'trees'",
     "is \"trees\", \"system\" or \"tree\" is due, the nearest is tree"},
    {"container", "cuda_compat", "'off'", "false", "\"auto\" or \"off\" is due", "'on'",
     "is \"on\", \"auto\" or \"off\" is due"},
    {"container", "procfs", "'none'", "false", "\"view\", \"params\" or \"none\" is due", "'param'",
     "the nearest is params"},
    {"container", "mps_directory", "'/m'", "true", kString, "'m'", kNotAbsolute},
    {"container", "persistenced_socket", "false", "'/run'", kFlag, "", ""},
    {"container", "fabricmanager_socket", "false", "0", kFlag, "", ""},
    {"container", "firmware", "false", "{}", kFlag, "", ""},
    {"container", "cgroups", "false", "0", kFlag, "", ""},
    {"nvml", "probe", "'/p'", "1", kString, "'p'", kNotAbsolute},
    {"nvml", "deadline", "1.5", "'20s'", "a number of seconds from 0.1 to 40 is due", "0",
     "is beyond its bounds, a number of seconds from 0.1 to 40 is due"},
    {"companion", "rest", "false", "0", kFlag, "", ""},
    {"companion", "volumes", "false", "'no'", kFlag, "", ""},
    {"companion", "listen", "'[::1]:80'", "3476", kString, "'localhost:3476'",
     "is \"localhost:3476\", a numeric address and a port"},
    {"companion", "listen_insecure", "true", "1", kFlag, "", ""},
    {"companion", "allowed_hosts", "['gpu1', '[::1]']", "'gpu1'", kStrings, "['gpu1', 'gpu1:80']",
     "allowed_hosts[1] is \"gpu1:80\", the name of a host, without a port, is due"},
    {"companion", "processes", "false", "0", kFlag, "", ""},
    {"companion", "store", "'/s'", "1", kString, "''", kNotAbsolute},
    {"companion", "links", "false", "0", kFlag, "", ""},
    {"companion", "socket_directory", "'/s'", "1", kString, "'s'", kNotAbsolute},
    {"companion", "spec_file", "'/s'", "[]", kString, "'s'", kNotAbsolute},
    {"log", "file", "'/l'", "2020-01-01", kString, "'l'", kNotAbsolute},
};

std::string set_to(const Row& row, std::string_view value) {
  return "[" + std::string(row.table) + "]\n" + std::string(row.name) + " = " + std::string(value);
}

void expect_refused(const Row& row, std::string_view value, std::string_view why) {
  const auto parsed = parse(set_to(row, value), "c.toml");
  ASSERT_FALSE(parsed) << row.name;
  EXPECT_EQ(parsed.error().id(), ErrorId::Config);
  EXPECT_THAT(parsed.error().message(),
              HasSubstr("c.toml:2: " + std::string(row.table) + "." + std::string(row.name)));
  EXPECT_THAT(parsed.error().message(), HasSubstr(why));
}

TEST(Keys, AreAllTestedHere) {
  const auto keys = all_keys();
  ASSERT_EQ(keys.size(), std::size(kRows));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(keys[i].table, kRows[i].table);
    EXPECT_EQ(keys[i].name, kRows[i].name);
  }
}

TEST(Keys, ChangeASettingEach) {
  std::vector<Settings> seen = {defaults()};
  for (const auto& row : kRows) {
    const auto parsed = parse(set_to(row, row.right), "c.toml");
    ASSERT_TRUE(parsed) << parsed.error().text();
    for (const auto& other : seen) EXPECT_FALSE(parsed->settings == other) << row.name;
    seen.push_back(parsed->settings);
    ASSERT_EQ(parsed->given.size(), 1U);
    EXPECT_EQ(parsed->given.front().table, row.table);
    EXPECT_EQ(parsed->given.front().name, row.name);
    EXPECT_EQ(parsed->given.front().line, 2U);
  }
}

TEST(Keys, RefuseValuesOfAnotherType) {
  for (const auto& row : kRows) expect_refused(row, row.wrong_type, row.due);
}

TEST(Keys, RefuseValuesBeyondTheirMeaning) {
  for (const auto& row : kRows)
    if (!row.wrong_value.empty()) expect_refused(row, row.wrong_value, row.why);
}

TEST(Keys, OfPathsMayBeUnsetWhereTheyAreByDefault) {
  for (const auto& row : kRows) {
    const auto text = set_to(row, kUnset);
    const bool may_be = row.name == "dev" || row.name == "mps_directory" || row.name == "probe" ||
                        row.name == "file" || row.name == "spec_file";
    const auto parsed = parse(text, "c.toml");
    ASSERT_EQ(parsed.has_value(), may_be) << text;
    EXPECT_TRUE(!may_be || parsed->settings == defaults()) << text;
  }
}

TEST(Keys, OfTimeHaveBounds) {
  for (const auto* inside : {"0.1", "40", "39.9994", "4e1", "1e-1"})
    EXPECT_TRUE(parse("nvml.deadline = " + std::string(inside), "c")) << inside;
  for (const auto* outside :
       {"0.0999", "-20", "40.1", "41", "300", "nan", "inf", "-inf", "9223372036854775807", "1e300"})
    EXPECT_FALSE(parse("nvml.deadline = " + std::string(outside), "c")) << outside;
}

TEST(Keys, OfVariablesTakeNoNameThatNoneCanHave) {
  for (const auto* name : {"", " ", "A B", "A,B", "A=", "\\u0000", "\\u00e9", "A\\n"})
    EXPECT_FALSE(parse("requests.swarm_resources = [\"" + std::string(name) + "\"]", "c")) << name;
  EXPECT_FALSE(parse("requests.swarm_resources = ['" + std::string(256, 'A') + "']", "c"));
  EXPECT_TRUE(parse("requests.swarm_resources = ['" + std::string(255, 'A') + "']", "c"));
}

TEST(Keys, OfCapabilitiesTakeAll) {
  for (const auto* list : {"['all']", "['compute', 'all']", "['all', 'all']"}) {
    const auto parsed = parse("requests.supported_capabilities = " + std::string(list), "c");
    ASSERT_TRUE(parsed) << parsed.error().text();
    EXPECT_EQ(parsed->settings.requests.supported_capabilities, Capabilities::all());
  }
}

}  // namespace
}  // namespace nvhook::config
