// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/capability.hpp"

#include <gtest/gtest.h>

namespace nvhook {
namespace {

TEST(Capability, IsFoundByItsOwnName) {
  for (const auto capability : kAllCapabilities)
    EXPECT_EQ(capability_named(name_of(capability)), capability);
  EXPECT_EQ(capability_named("all"), std::nullopt);
  EXPECT_EQ(capability_named("Compute"), std::nullopt);
}

TEST(Capabilities, HoldWhatWasAdded) {
  Capabilities set{Capability::Compute, Capability::Video};

  EXPECT_TRUE(set.contains(Capability::Video));
  EXPECT_FALSE(set.contains(Capability::Utility));
  EXPECT_EQ(set & Capabilities{Capability::Video}, Capabilities{Capability::Video});
  EXPECT_TRUE((set & Capabilities{Capability::Ngx}).empty());
  EXPECT_TRUE(Capabilities::all().contains(Capability::Ngx));
}

}  // namespace
}  // namespace nvhook
