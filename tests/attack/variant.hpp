// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "support/launch.hpp"

namespace nvhook::test {

// Where the plan puts things (docs/plan.md, "layout").
enum class Layout { System };

// What a test of the attack suite is run with.
struct Variant {
  Tier tier;
  Layout layout;
};

inline std::vector<Tier> tiers() { return {Tier::New, Tier::Old}; }

inline std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const auto tier : tiers()) all.push_back({tier, Layout::System});
  return all;
}

// The end of a test's name: "New", "Old".
inline std::string name_of(const Variant& variant) {
  return variant.tier == Tier::New ? "New" : "Old";
}
inline std::string name_of_instance(const ::testing::TestParamInfo<Variant>& info) {
  return name_of(info.param);
}
inline void PrintTo(const Variant& variant, std::ostream* out) { *out << name_of(variant); }

}  // namespace nvhook::test
