// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nvhook/base/error.hpp"

namespace nvhook::config {

// What a key is set to. Of kinds that no setting has (tables, dates) only the name is kept.
struct Value {
  std::string_view kind;  // for people: "an integer"
  std::uint32_t line = 0;
  std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<Value>> content;
};

struct Entry {
  std::string table;  // "a.b" of [a.b]; "" at the top
  std::string name;
  std::uint32_t line = 0;  // of the name
  Value value;
};

// "a.b.name"
[[nodiscard]] std::string full_name(const Entry& entry);

// Reads TOML text: the members of the document, and of those of `tables` that it has. Any other
// table is a member like a plain value. Fails with E_CONFIG: see parse().
[[nodiscard]] Result<std::vector<Entry>> read_document(std::string_view toml,
                                                       std::string_view origin,
                                                       std::span<const std::string_view> tables);

}  // namespace nvhook::config
