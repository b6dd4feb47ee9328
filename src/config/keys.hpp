// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/config/settings.hpp"

namespace nvhook::config {

// Where the value of a key is kept, by what it is.
using FlagOf = bool& (*)(Settings&);
struct PathOf {
  std::string& (*of)(Settings&);
  bool may_be_unset = false;  // ""
};
struct PathsOf {
  std::vector<std::string>& (*of)(Settings&);
};
// Names of environment variables.
struct NamesOf {
  std::vector<std::string>& (*of)(Settings&);
};
// A numeric address and a port.
struct AddressOf {
  std::string& (*of)(Settings&);
};
// Names of hosts.
struct HostsOf {
  std::vector<std::string>& (*of)(Settings&);
};
using CapabilitiesOf = Capabilities& (*)(Settings&);
using SecondsOf = std::chrono::milliseconds& (*)(Settings&);
// One of a few words, by its position among them.
struct WordOf {
  std::span<const std::string_view> words;
  std::size_t (*kept)(const Settings&);
  void (*keep)(Settings&, std::size_t position);
};

// One key of the configuration file. The table of all keys drives reading, the search for misspelt
// ones, and printing.
struct Key {
  std::string_view table;
  std::string_view name;
  std::variant<FlagOf, PathOf, PathsOf, NamesOf, CapabilitiesOf, SecondsOf, WordOf, AddressOf,
               HostsOf>
      place;
};

// In the order in which they are printed; those of a table stand together.
[[nodiscard]] std::span<const Key> all_keys();

}  // namespace nvhook::config
