// SPDX-License-Identifier: Apache-2.0
// docs/attacks.md, with the pages of docs/companion, has a row for each attack that is tried, and
// no other.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace nvhook {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

// The ids that the expression finds in a text, its first group the letter and its second the
// number.
std::multiset<std::string> ids_in(const fs::path& file, const std::regex& id) {
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  std::multiset<std::string> ids;
  for (std::string line; std::getline(in, line);)
    if (std::smatch found; std::regex_search(line, found, id))
      ids.insert(found[1].str() + "-" + found[2].str());
  return ids;
}

// Of tests called "D04_...".
std::set<std::string> tested() {
  const std::regex id(R"((?:TEST(?:_F|_P)?\(\w+, |add_test\(NAME \w+\.)([A-Z])(\d\d)_)");
  std::set<std::string> ids;
  for (const auto& entry : fs::recursive_directory_iterator(NVHOOK_SOURCE_DIR "/tests"))
    if (entry.path().extension() == ".cpp" || entry.path().filename() == "CMakeLists.txt")
      for (const auto& each : ids_in(entry.path(), id)) ids.insert(each);
  return ids;
}

// "| D-04 | ... |"
std::multiset<std::string> rows() {
  const std::regex row(R"(^\| ([A-Z])-(\d\d) \|)");
  auto ids = ids_in(NVHOOK_SOURCE_DIR "/docs/attacks.md", row);
  for (const auto& page : fs::directory_iterator(NVHOOK_SOURCE_DIR "/docs/companion"))
    ids.merge(ids_in(page.path(), row));
  return ids;
}

// Of the first those that the second lacks, or has fewer times.
std::vector<std::string> lacking(const auto& first, const auto& second) {
  std::vector<std::string> ids;
  std::ranges::set_difference(first, second, std::back_inserter(ids));
  return ids;
}

TEST(AttacksPage, HasOneRowForEachAttackThatIsTried) {
  const auto tests = tested();

  EXPECT_GT(tests.size(), 90U);
  EXPECT_THAT(lacking(tests, rows()), IsEmpty());
  EXPECT_THAT(lacking(rows(), tests), IsEmpty());
}

}  // namespace
}  // namespace nvhook
