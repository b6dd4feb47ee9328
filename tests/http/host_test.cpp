// SPDX-License-Identifier: Apache-2.0
#include "http/host.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nvhook::http {
namespace {

TEST(Host, HasANameAndAtMostAPort) {
  EXPECT_EQ(name_in_host("localhost"), "localhost");
  EXPECT_EQ(name_in_host("gpu-1.example:3476"), "gpu-1.example");
  EXPECT_EQ(name_in_host("[::1]"), "[::1]");
  EXPECT_EQ(name_in_host("[fe80::1]:80"), "[fe80::1]");
  for (const auto* malformed : {"", ":80", "a:", "a:b", "a:1:2", "[::1", "[::1]]", "[::1]x:80",
                                "a b", "a/b", "a,b", "u@a", "a:123456", "::1", "a\"", "a%2e"})
    EXPECT_FALSE(name_in_host(malformed)) << malformed;
}

TEST(Host, IsOursIfTheRulesNameIt) {
  Rules rules;
  rules.hosts = {"localhost", "[::1]", "gpu.example"};
  EXPECT_TRUE(names_us("GPU.example", rules));
  EXPECT_TRUE(names_us("[::1]", rules));
  EXPECT_FALSE(names_us("example", rules));
  EXPECT_FALSE(names_us("gpu.example.", rules));
  EXPECT_FALSE(names_us("127.0.0.1", rules));
}

TEST(Host, MayBeAnyAddressIfTheRulesSaySo) {
  Rules rules;
  rules.any_address = true;
  for (const auto* address : {"10.0.0.1", "[::]", "[2001:db8::1]", "localhost"})
    EXPECT_TRUE(names_us(address, rules)) << address;
  for (const auto* name :
       {"10.0.0.1.example", "10.1", "0x7f.0.0.1", "[::1.example]", "[]", "example"})
    EXPECT_FALSE(names_us(name, rules)) << name;
}

TEST(Host, IsTheOriginOfItsOwnPages) {
  EXPECT_TRUE(is_our_origin("http://localhost:3476", "localhost:3476"));
  EXPECT_TRUE(is_our_origin("http://LOCALHOST", "localhost"));
  for (const auto* other : {"https://localhost:3476", "http://localhost", "null", "",
                            "http://localhost:3476.evil.example", "http://evil@localhost:3476"})
    EXPECT_FALSE(is_our_origin(other, "localhost:3476")) << other;
}

}  // namespace
}  // namespace nvhook::http
