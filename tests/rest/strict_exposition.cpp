// SPDX-License-Identifier: Apache-2.0
#include "rest/strict_exposition.hpp"

#include <charconv>
#include <regex>
#include <set>

namespace nvhook::rest {
namespace {

const std::regex kHelp("# HELP ([a-z][a-z0-9_]*) ([^\\\\]+)");
const std::regex kType("# TYPE ([a-z][a-z0-9_]*) (gauge|counter)");
const std::regex kSample(R"re(([a-z][a-z0-9_]*)(\{(.+)\})? (-?[0-9]+(\.[0-9]+)?))re");
// A name and a value, in which backslash, quote and newline are escaped; then a comma or the end.
const std::regex kLabel(R"re(^([a-z][a-z0-9_]*)="(([^"\\\n]|\\["\\n])*)"(,(?=[a-z])|$))re");

std::string unescaped(const std::string& value) {
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\') ++i;
    const bool is_newline = value[i] == 'n' && i > 0 && value[i - 1] == '\\';
    text += is_newline ? '\n' : value[i];
  }
  return text;
}

class Reader {
 public:
  Exposed read(std::string_view text) {
    if (text.empty() || text.back() != '\n') complain("the last line has no end");
    while (!text.empty()) {
      ++number_;
      const auto end = std::min(text.find('\n'), text.size());
      take(std::string(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (family_ != nullptr && family_->series.empty()) complain("a family without a sample");
    return std::move(exposed_);
  }

 private:
  void complain(const std::string& what) {
    exposed_.complaints.push_back("line " + std::to_string(number_) + ": " + what);
  }

  void take(const std::string& line) {
    std::smatch match;
    if (std::regex_match(line, match, kHelp))
      begin(match[1], match[2]);
    else if (std::regex_match(line, match, kType))
      take_type(match[1], match[2]);
    else if (std::regex_match(line, match, kSample))
      take_sample(match[1], match[3], match[4]);
    else
      complain("neither help, type nor sample: " + line);
  }

  void begin(const std::string& name, const std::string& help) {
    if (family_ != nullptr && family_->series.empty()) complain("a family without a sample");
    if (exposed_.families.contains(name)) complain(name + " is there twice");
    name_ = name;
    family_ = &exposed_.families[name];
    family_->help = help;
    if (help.back() != '.') complain("the help is no sentence");
    seen_.clear();
  }

  void take_type(const std::string& name, const std::string& type) {
    if (family_ == nullptr || name != name_ || !family_->type.empty() || !family_->series.empty())
      return complain("a type at the wrong place");
    family_->type = type;
    if ((type == "counter") != name.ends_with("_total"))
      complain("counters, and nothing else, end in _total");
  }

  void take_sample(const std::string& name, std::string labels, const std::string& value) {
    if (family_ == nullptr || name != name_ || family_->type.empty())
      return complain("a sample outside of its family");
    Series series;
    for (std::smatch match; std::regex_search(labels, match, kLabel); labels = match.suffix())
      if (!series.labels.emplace(match[1], unescaped(match[2])).second) complain("a label twice");
    if (!labels.empty()) complain("labels: " + labels);
    if (!seen_.insert(series.labels).second) complain("the same series twice");
    if (!family_->series.empty() && names_of(series) != names_of(family_->series.front()))
      complain("other labels than the series before");
    std::from_chars(value.data(), value.data() + value.size(), series.value);
    if (family_->type == "counter" && series.value < 0) complain("a counter below zero");
    family_->series.push_back(std::move(series));
  }

  static std::set<std::string> names_of(const Series& series) {
    std::set<std::string> names;
    for (const auto& [name, value] : series.labels) names.insert(name);
    return names;
  }

  Exposed exposed_;
  int number_ = 0;
  std::string name_;
  Family* family_ = nullptr;
  std::set<std::map<std::string, std::string>> seen_;
};

}  // namespace

Exposed read_exposition(std::string_view text) { return Reader().read(text); }

}  // namespace nvhook::rest
