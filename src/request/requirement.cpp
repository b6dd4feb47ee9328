// SPDX-License-Identifier: Apache-2.0
#include "nvhook/request/requirement.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

constexpr std::string_view kOperatorLetters = "<>=!";

enum class Property : std::uint8_t { Cuda, Driver, Arch, Brand };
enum class Operator : std::uint8_t { Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual };

struct PropertyRow {
  std::string_view name;
  Property property;
  std::optional<std::string> Facts::*fact;
  bool of_gpu;
};
constexpr std::array kProperties = {
    PropertyRow{"cuda", Property::Cuda, &Facts::cuda, false},
    PropertyRow{"driver", Property::Driver, &Facts::driver, false},
    PropertyRow{"arch", Property::Arch, &Facts::arch, true},
    PropertyRow{"brand", Property::Brand, &Facts::brand, true},
};

struct OperatorRow {
  std::string_view text;
  Operator meaning;
};
// A lone "!" has always been taken for "!=".
constexpr std::array kOperators = {
    OperatorRow{"=", Operator::Equal},           OperatorRow{"!=", Operator::NotEqual},
    OperatorRow{"!", Operator::NotEqual},        OperatorRow{"<", Operator::Less},
    OperatorRow{"<=", Operator::LessOrEqual},    OperatorRow{">", Operator::Greater},
    OperatorRow{">=", Operator::GreaterOrEqual},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_in_any_case(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, {}, lower, lower);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_version(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c == '.' || is_digit(c); });
}

bool holds(Operator meaning, int difference) {
  switch (meaning) {
    case Operator::Equal:
      return difference == 0;
    case Operator::NotEqual:
      return difference != 0;
    case Operator::Less:
      return difference < 0;
    case Operator::LessOrEqual:
      return difference <= 0;
    case Operator::Greater:
      return difference > 0;
    case Operator::GreaterOrEqual:
      return difference >= 0;
  }
  std::abort();  // every enumerator is handled above
}

std::unexpected<Error> invalid(std::string_view term, std::string_view why) {
  return failure(ErrorId::ReqRequirement, quote(term) + " " + std::string(why));
}

struct Term {
  const PropertyRow* property;
  Operator meaning;
  std::string_view value;
};

Result<Term> parse_term(std::string_view text) {
  const auto from = std::min(text.find_first_of(kOperatorLetters), text.size());
  const auto to = std::min(text.find_first_not_of(kOperatorLetters, from), text.size());
  const auto property = std::ranges::find_if(kProperties, [&](const PropertyRow& row) {
    return same_in_any_case(row.name, text.substr(0, from));
  });
  if (property == kProperties.end())
    return invalid(text, "is about none of cuda, driver, arch, brand");
  const auto meaning =
      std::ranges::find(kOperators, text.substr(from, to - from), &OperatorRow::text);
  if (meaning == kOperators.end()) return invalid(text, "has none of = != < <= > >=");
  const Term term{&*property, meaning->meaning, text.substr(to)};
  if (term.value.empty()) return invalid(text, "has no value");
  if (property->property == Property::Brand) {
    if (term.meaning != Operator::Equal && term.meaning != Operator::NotEqual)
      return invalid(text, "orders brands, which can only be equal (= or !=)");
  } else if (!is_version(term.value)) {
    return invalid(text, "compares with a version of something else than digits and dots");
  }
  return term;
}

Verdict judge_term(const Term& term, const Facts& facts) {
  if (term.property->of_gpu && !facts.gpu) return Verdict::Holds;
  const auto& fact = facts.*term.property->fact;
  if (!fact) return Verdict::Unknown;
  const bool is_brand = term.property->property == Property::Brand;
  if (!is_brand && !is_version(*fact)) return Verdict::Unknown;
  const int difference = is_brand ? (same_in_any_case(*fact, term.value) ? 0 : 1)
                                  : compare_versions(*fact, term.value);
  return holds(term.meaning, difference) ? Verdict::Holds : Verdict::Fails;
}

// Takes what stands before the separator off the front.
std::string_view take(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

Obstacle obstacle(std::string_view alternative, std::string_view text, const Term& term,
                  const Facts& facts) {
  const auto& fact = facts.*term.property->fact;
  return {std::string(alternative), std::string(text),
          std::string(term.property->name) + (fact ? " is " + *fact : " is not known")};
}

// Nothing if it has no terms.
Result<std::optional<Verdict>> judge_alternative(std::string_view alternative, const Facts& facts,
                                                 std::vector<Obstacle>& obstacles) {
  std::optional<Verdict> verdict;
  std::optional<Obstacle> open;
  for (auto rest = alternative; !rest.empty();) {
    const auto text = take(rest, ',');
    if (text.empty()) continue;
    const auto term = parse_term(text);
    if (!term) return std::unexpected(term.error());
    const auto now = judge_term(*term, facts);
    if (now == Verdict::Fails) {
      obstacles.push_back(obstacle(alternative, text, *term, facts));
      return now;
    }
    if (now == Verdict::Unknown && !open) open = obstacle(alternative, text, *term, facts);
    if (verdict != Verdict::Unknown) verdict = now;
  }
  if (open) obstacles.push_back(std::move(*open));
  return verdict;
}

// Takes a component's digits off the front, without leading zeros.
std::string_view take_number(std::string_view& version) {
  const auto end = std::min(version.find('.'), version.size());
  auto digits = version.substr(0, end);
  version.remove_prefix(end);
  while (digits.starts_with('0')) digits.remove_prefix(1);
  return digits;
}

void drop_zeros(std::string_view& tail) {
  tail.remove_prefix(std::min(tail.find_first_not_of(".0"), tail.size()));
}

}  // namespace

int compare_versions(std::string_view left, std::string_view right) {
  while (!left.empty() && !right.empty()) {
    const auto one = take_number(left);
    const auto other = take_number(right);
    if (one.size() != other.size()) return one.size() < other.size() ? -1 : 1;
    if (const int difference = one.compare(other); difference != 0) return difference;
    if (left.empty() || right.empty()) break;
    left.remove_prefix(1);
    right.remove_prefix(1);
  }
  drop_zeros(left);
  drop_zeros(right);
  if (left.empty() && right.empty()) return 0;
  return left.size() < right.size() ? -1 : 1;
}

Result<Judgement> judge(std::string_view requirement, const Facts& facts) {
  if (requirement.size() > kMaxRequirement)
    return failure(ErrorId::ReqRequirement,
                   "longer than " + std::to_string(kMaxRequirement) + " bytes");
  Judgement judgement;
  bool any = false;
  bool open = false;
  for (auto rest = requirement; !rest.empty();) {
    const auto alternative = take(rest, ' ');
    const auto verdict = judge_alternative(alternative, facts, judgement.obstacles);
    if (!verdict) return std::unexpected(verdict.error());
    if (!*verdict) continue;
    any = true;
    if (**verdict == Verdict::Holds) return Judgement{};
    open = open || **verdict == Verdict::Unknown;
  }
  if (!any) return Judgement{};
  judgement.verdict = open ? Verdict::Unknown : Verdict::Fails;
  return judgement;
}

}  // namespace nvhook::request
