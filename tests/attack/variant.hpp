// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "support/launch.hpp"
#include "support/sanitized.hpp"

namespace nvhook::test {

// Where the plan puts things (docs/plan.md, "layout").
enum class Layout { System, Tree };

// What a test of the attack suite is run with.
struct Variant {
  Tier tier;
  Layout layout;
};

// A sanitized build takes each kernel and each layout once, and what ships every pair of them: the
// sanitizers look for mistakes in memory, which hardly lie in a pair.
inline std::vector<Variant> variants() {
  if (kSanitized) return {{Tier::New, Layout::System}};
  return {{Tier::New, Layout::System}, {Tier::Old, Layout::System}};
}

// For what differs with the layout. (A root that cannot be written gets a tree with each.)
inline std::vector<Variant> variants_of_trees() {
  if (kSanitized) return {{Tier::Old, Layout::Tree}};
  return {{Tier::New, Layout::Tree}, {Tier::Old, Layout::Tree}};
}
inline std::vector<Variant> variants_of_each_layout() {
  auto all = variants();
  for (const auto& variant : variants_of_trees()) all.push_back(variant);
  return all;
}

// The end of a test's name: "New", "Old", "NewTree", "OldTree".
inline std::string name_of(const Variant& variant) {
  return std::string(variant.tier == Tier::New ? "New" : "Old") +
         (variant.layout == Layout::Tree ? "Tree" : "");
}
inline std::string name_of_instance(const ::testing::TestParamInfo<Variant>& info) {
  return name_of(info.param);
}
inline void PrintTo(const Variant& variant, std::ostream* out) { *out << name_of(variant); }

}  // namespace nvhook::test
