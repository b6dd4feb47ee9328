// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "nvhook/base/error.hpp"
#include "nvhook/config/settings.hpp"
#include "values.hpp"

namespace nvhook::config {

// The setting of ours that a key of NVIDIA's file means, by its key in our file.
struct Ours {
  std::string_view table;
  std::string_view name;
};

// What came of a value: a setting, nothing (it says what is so anyway), or a request for what
// nvhook does not do, and what it does instead.
enum class Effect : std::uint8_t { Set, None };
struct Unserved {
  std::string instead;
};
using Heard = std::variant<Effect, Unserved>;

// The key is of a program that nvhook stands in for, or of what it never needs.
struct Unconcerned {};
struct FlagMeans {
  Ours ours;
  Effect (*hear)(Settings&, bool flag);
};
struct TextMeans {
  Ours ours;
  Result<Heard> (*hear)(Settings&, const Value& value, const Subject& subject);
};

struct NvidiaKey {
  std::string_view table;
  std::string_view name;
  std::variant<Unconcerned, FlagMeans, TextMeans> meaning;
};

// Source: nvidia-container-toolkit 1.20.0, internal/config; docs/configuration.md has this table.
[[nodiscard]] std::span<const NvidiaKey> all_nvidia_keys();

}  // namespace nvhook::config
