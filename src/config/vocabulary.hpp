// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "document.hpp"
#include "nvhook/base/error.hpp"

namespace nvhook::config {

// The keys that a file may have. The names are borrowed.
class Vocabulary {
 public:
  void add(std::string_view table, std::string_view name);

  [[nodiscard]] std::span<const std::string_view> tables() const { return tables_; }
  // Whether the entry has the name of a table, and is none.
  [[nodiscard]] bool should_be_table(const Entry& entry) const;
  // "roots: unknown key \"drvier\", the nearest known one is driver"
  [[nodiscard]] std::string text_of_unknown(const Entry& entry) const;

 private:
  struct Name {
    std::string_view table;
    std::string_view name;
  };
  [[nodiscard]] std::string nearest_to(const Entry& entry) const;

  std::vector<Name> keys_;
  std::vector<std::string_view> tables_;  // "a" and "a.b" of [a.b]
};

// What a file has that comes to nothing, in the order of its lines.
class Complaints {
 public:
  explicit Complaints(std::string_view file) : file_(file) {}
  void add(std::uint32_t line, std::string text);
  [[nodiscard]] std::vector<Warning> take() &&;  // W_CONFIG_KEY

 private:
  struct Complaint {
    std::uint32_t line = 0;
    std::string text;
    auto operator<=>(const Complaint&) const = default;
  };
  std::string_view file_;
  std::vector<Complaint> complaints_;
};

}  // namespace nvhook::config
