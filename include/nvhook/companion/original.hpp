// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "nvhook/base/error.hpp"
#include "nvhook/companion/setup.hpp"

// What of nvidia-docker-plugin 1.0 is its command line's: flags as Go's package "flag" takes them,
// and addresses as its package "net" does. Source: that program, version 1.0.1.
namespace nvhook::companion::original {

inline constexpr std::string_view kName = "nvidia-docker-plugin";

// What was given; the rest is the program's default.
struct Flags {
  std::optional<std::string> store;             // -d
  std::optional<std::string> listen;            // -l
  std::optional<std::string> socket_directory;  // -s
  bool version = false;                         // -v
};

// To be printed instead, and the status to end with.
struct Refusal {
  std::string text;  // for standard error
  int status = 2;
};

// The words behind the program's name, which is `argv0` as it was called: "-d V", "-d=V", "--d V"
// and
// "--d=V"; the first that is no flag ends them, and what follows counts for nothing.
[[nodiscard]] std::variant<Flags, Refusal> parse(std::string_view argv0,
                                                 std::span<const char* const> words);

// What -v prints.
inline constexpr std::string_view kVersionText = "NVIDIA Docker plugin: 1.0.1\n";

// "host:port", "127.0.0.1:3476", ":3476" (all addresses). A name is looked up, but for "localhost",
// which is 127.0.0.1. Fails with E_LISTEN and a text as the original's.
[[nodiscard]] Result<Endpoint> endpoint_of(const std::string& listen);

// An errno in its words: "address already in use".
[[nodiscard]] std::string words_of(int error);

}  // namespace nvhook::companion::original
