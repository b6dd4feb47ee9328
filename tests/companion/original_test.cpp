// SPDX-License-Identifier: Apache-2.0
// Flags and addresses as nvidia-docker-plugin 1.0.1 takes them.
#include "nvhook/companion/original.hpp"

#include <gmock/gmock.h>

#include <cerrno>
#include <string>
#include <vector>

namespace nvhook::companion::original {
namespace {

using ::testing::HasSubstr;

constexpr auto kArgv0 = "/usr/bin/nvidia-docker-plugin";
// What it printed, recorded.
constexpr auto kUsage =
    "Usage of /usr/bin/nvidia-docker-plugin:\n"
    "  -d string\n"
    "    \tPath where to store the volumes (default \"/var/lib/nvidia-docker/volumes\")\n"
    "  -l string\n"
    "    \tServer listen address (default \"localhost:3476\")\n"
    "  -s string\n"
    "    \tPath to the plugin socket (default \"/run/docker/plugins\")\n"
    "  -v\tShow the plugin version information\n";

std::variant<Flags, Refusal> parsed(const std::vector<const char*>& words) {
  return parse(kArgv0, words);
}

TEST(OriginalFlags, MayBeWrittenInFourWays) {
  for (const auto& words :
       std::vector<std::vector<const char*>>{{"-d", "/v"}, {"-d=/v"}, {"--d", "/v"}, {"--d=/v"}}) {
    const auto result = parsed(words);
    ASSERT_TRUE(std::holds_alternative<Flags>(result)) << words[0];
    EXPECT_EQ(std::get<Flags>(result).store, "/v") << words[0];
  }
}

TEST(OriginalFlags, AreAllThatThereAre) {
  const auto flags =
      std::get<Flags>(parsed({"-s", "/var/lib/nvidia-docker", "-l", ":3476", "-d", "-x"}));

  EXPECT_EQ(flags.socket_directory, "/var/lib/nvidia-docker");
  EXPECT_EQ(flags.listen, ":3476");
  EXPECT_EQ(flags.store, "-x");  // a value, whatever it looks like
  EXPECT_FALSE(flags.version);
  EXPECT_TRUE(std::get<Flags>(parsed({"-v"})).version);
  EXPECT_FALSE(std::get<Flags>(parsed({"-v=false"})).version);
}

TEST(OriginalFlags, EndWithTheFirstWordThatIsNone) {
  for (const auto* end : {"word", "-", "--"}) {
    const auto flags = std::get<Flags>(parsed({"-d", "/v", end, "-x", "-s", "/s"}));
    EXPECT_EQ(flags.store, "/v") << end;
    EXPECT_FALSE(flags.socket_directory) << end;
  }
}

TEST(OriginalFlags, AreRefusedInItsWords) {
  struct Row {
    std::vector<const char*> words;
    std::string said;
  };
  const std::vector<Row> rows = {
      {{"-h"}, ""},
      {{"--help"}, ""},
      {{"-x"}, "flag provided but not defined: -x\n"},
      {{"--xyz=1"}, "flag provided but not defined: -xyz\n"},
      {{"-d"}, "flag needs an argument: -d\n"},
      {{"-v=maybe"}, "invalid boolean value \"maybe\" for -v: parse error\n"},
      {{"---d"}, "bad flag syntax: \"---d\"\n"},
      {{"-=d"}, "bad flag syntax: \"-=d\"\n"},
      {{"-\x1b[0m"}, "flag provided but not defined: -\"\\x1b[0m\"\n"},
  };
  for (const auto& [words, said] : rows) {
    const auto result = parsed(words);
    ASSERT_TRUE(std::holds_alternative<Refusal>(result)) << words[0];
    EXPECT_EQ(std::get<Refusal>(result).text, said + kUsage) << words[0];
    EXPECT_EQ(std::get<Refusal>(result).status, 2) << words[0];
  }
}

TEST(OriginalAddress, IsAHostAndAPort) {
  const auto local = endpoint_of("localhost:3476");
  ASSERT_TRUE(local) << local.error().text();
  EXPECT_EQ(local->address.host, "127.0.0.1");
  EXPECT_EQ(local->address.port, 3476);
  EXPECT_EQ(local->shown, "localhost:3476");

  const auto all = endpoint_of(":80");
  ASSERT_TRUE(all) << all.error().text();
  EXPECT_TRUE(all->both);
  EXPECT_TRUE(all->address.any);

  const auto six = endpoint_of("[::1]:80");
  ASSERT_TRUE(six) << six.error().text();
  EXPECT_EQ(six->address.host, "::1");
  EXPECT_FALSE(six->both);
}

TEST(OriginalAddress, IsRefusedInItsWords) {
  struct Row {
    const char *listen, *said;
  };
  constexpr Row kRows[] = {
      {"127.0.0.1", "listen tcp: address 127.0.0.1: missing port in address"},
      {"", "listen tcp: address : missing port in address"},
      {"127.0.0.1:http2", "listen tcp: lookup tcp/http2: unknown port"},
      {"::1:80", "listen tcp: address ::1:80: too many colons in address"},
  };
  for (const auto& [listen, said] : kRows) {
    const auto endpoint = endpoint_of(listen);
    ASSERT_FALSE(endpoint) << listen;
    EXPECT_EQ(endpoint.error().id(), ErrorId::Listen);
    EXPECT_EQ(endpoint.error().message(), said);
  }
}

TEST(OriginalWords, AreThoseOfGo) {
  EXPECT_EQ(words_of(EADDRINUSE), "address already in use");
  EXPECT_EQ(words_of(ENOTDIR), "not a directory");
  EXPECT_EQ(words_of(EACCES), "permission denied");
}

}  // namespace
}  // namespace nvhook::companion::original
