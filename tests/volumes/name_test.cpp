// SPDX-License-Identifier: Apache-2.0
#include "nvhook/volumes/name.hpp"

#include <gtest/gtest.h>

namespace nvhook::volumes {
namespace {

TEST(VolumeName, IsAKindAndAVersion) {
  for (const auto* text : {"nvidia_driver_361.48", "nvidia_driver_550.54.14", "nvidia_driver_470",
                           "nvidia_driver_1.2.3.4", "nvidia_driver_1234.123456"}) {
    const auto name = parse_name(text);
    ASSERT_TRUE(name) << text;
    EXPECT_EQ(name->kind, "nvidia_driver");
    EXPECT_EQ(name_of(name->version), text);
  }
}

TEST(VolumeName, MayBeOfAnotherKind) {
  for (const auto* text : {"foo_1", "a.b-c_d_1.0", "_x_1"}) {
    const auto name = parse_name(text);
    ASSERT_TRUE(name) << text;
    EXPECT_NE(name->kind, kKind);
  }
}

// And what else may not become part of a path.
TEST(VolumeName, V01_IsNothingElse) {
  const std::string long_name(1'000'000, '1');
  for (const auto& text : std::vector<std::string>{"",
                                                   "_",
                                                   "_1",
                                                   "foo",
                                                   "nvidia_driver",
                                                   "nvidia_driver_",
                                                   "nvidia_driver_..",
                                                   "nvidia_driver_.",
                                                   "nvidia_driver_...",
                                                   "nvidia_driver_.1",
                                                   "nvidia_driver_1.",
                                                   "nvidia_driver_1..2",
                                                   "nvidia_driver_1.2.3.4.5",
                                                   "nvidia_driver_12345",
                                                   "nvidia_driver_1.1234567",
                                                   "../../etc_1",
                                                   "a/b_1",
                                                   "nvidia_driver_1/..",
                                                   std::string("nvidia_driver_1\0/..", 19),
                                                   std::string("nvidia_driver_1\0", 16),
                                                   "nvidia_driver_" + long_name,
                                                   long_name,
                                                   "%2e%2e",
                                                   "nvidia_driver_%2e%2e",
                                                   "nvidia_driver_\xef\xbc\x91",
                                                   "nvidia_driv\xd0\xb5r_1",
                                                   "__proto__",
                                                   "nvidia driver_1",
                                                   "nvidia_driver_ 1",
                                                   "nvidia_driver_1 ",
                                                   "nvidia_driver_1\n",
                                                   "nvidia_driver_+1",
                                                   "nvidia_driver_-1",
                                                   "nvidia_driver_1e3",
                                                   "nvidia_driver_0x1"})
    EXPECT_FALSE(parse_name(text)) << text.substr(0, 40);
}

}  // namespace
}  // namespace nvhook::volumes
