// SPDX-License-Identifier: Apache-2.0
// The configuration file that is installed, and the page about it, say what the code does.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include "config/keys.hpp"
#include "config/nvidia_keys.hpp"
#include "nvhook/config/settings.hpp"

namespace nvhook::config {
namespace {

using ::testing::IsEmpty;

std::string content_of(const char* file) {
  std::ifstream in(std::string(NVHOOK_SOURCE_DIR) + "/" + file);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(InstalledFile, ChangesNothing) {
  const auto parsed = parse(content_of("packaging/config.toml"), "config.toml");

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_THAT(parsed->warnings, IsEmpty());
  EXPECT_EQ(parsed->settings, defaults());
}

TEST(InstalledFile, ShowsEveryKeyWithItsDefault) {
  // Settings are commented out as "#key = value", words as "# Words".
  const auto text =
      std::regex_replace(content_of("packaging/config.toml"), std::regex("\n#(?! |\n)"), "\n");

  const auto parsed = parse(text, "config.toml");

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_THAT(parsed->warnings, IsEmpty());
  EXPECT_EQ(parsed->settings, defaults());
  EXPECT_EQ(parsed->given.size(), all_keys().size());
}

TEST(ConfigurationPage, NamesEveryKey) {
  const auto page = content_of("docs/configuration.md");

  for (const auto& key : all_keys())
    EXPECT_TRUE(page.contains("\n| `" + std::string(key.name) + "` | ")) << key.name;
}

TEST(ConfigurationPage, NamesEveryKeyOfNvidias) {
  const auto page = content_of("docs/configuration.md");

  for (const auto& key : all_nvidia_keys())
    EXPECT_TRUE(page.contains("`" + (key.table.empty() ? "" : std::string(key.table) + ".") +
                              std::string(key.name) + "`"))
        << key.name;
}

}  // namespace
}  // namespace nvhook::config
