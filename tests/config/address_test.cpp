// SPDX-License-Identifier: Apache-2.0
#include "nvhook/config/address.hpp"

#include <gmock/gmock.h>

#include <string>

namespace nvhook::config {
namespace {

TEST(Address, IsNumericWithAPort) {
  const auto four = parse_address("127.0.0.1:3476");
  ASSERT_TRUE(four);
  EXPECT_EQ(four->host, "127.0.0.1");
  EXPECT_EQ(four->port, 3476);
  EXPECT_FALSE(four->six);

  const auto six = parse_address("[fe80::1]:80");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "fe80::1");
  EXPECT_EQ(six->port, 80);
  EXPECT_TRUE(six->six);
}

TEST(Address, IsOfTheLoopbackOrNot) {
  struct Row {
    const char* text;
    bool loopback, any;
  };
  constexpr Row kRows[] = {
      {"127.0.0.1:1", true, false},      {"127.255.0.9:1", true, false},
      {"[::1]:1", true, false},          {"10.0.0.1:1", false, false},
      {"0.0.0.0:1", false, true},        {"[::]:1", false, true},
      {"[::ffff:0:0]:1", false, false},  {"[::ffff:127.0.0.1]:1", false, false},
      {"[2001:db8::1]:1", false, false},
  };
  for (const auto& [text, loopback, any] : kRows) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->loopback, loopback) << text;
    EXPECT_EQ(address->any, any) << text;
  }
}

TEST(Address, IsNothingElse) {
  for (const auto* text : {"",
                           ":",
                           ":3476",
                           "3476",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:0",
                           "127.0.0.1:65536",
                           "127.0.0.1:+80",
                           "127.0.0.1:080",
                           "127.0.0.1: 80",
                           "127.0.0.1:80 ",
                           "localhost:80",
                           "127.1:80",
                           "::1:80",
                           "[::1]80",
                           "[]:80",
                           "[127.0.0.1]:80",
                           "[::1%lo]:80",
                           "0x7f000001:80"})
    EXPECT_FALSE(parse_address(text)) << text;
  EXPECT_FALSE(parse_address(std::string_view("127.0.0.1\0x:80", 14)));
}

TEST(HostName, IsWhatClientsSend) {
  for (const auto* name : {"gpu1", "GPU1.example.org", "10.0.0.1", "[fe80::1]", "a-b"})
    EXPECT_TRUE(is_host_name(name)) << name;
  for (const auto* name : {"", "gpu1:80", "a b", "a/b", "a@b", "[gpu1]", "[::1]:80", "g\u00fc"})
    EXPECT_FALSE(is_host_name(name)) << name;
  EXPECT_TRUE(is_host_name(std::string(253, 'a')));
  EXPECT_FALSE(is_host_name(std::string(254, 'a')));
}

}  // namespace
}  // namespace nvhook::config
