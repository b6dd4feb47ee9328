// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nvhook::volumes {

// The version that a volume is of: one to four numbers with a single dot between each two, "361.48"
// and "550.54.14". It names a folder: "." and ".." are none.
class Version {
 public:
  // Nothing for any other text, and for more than 4 digits in front or 6 behind a dot.
  [[nodiscard]] static std::optional<Version> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  bool operator==(const Version&) const = default;
  auto operator<=>(const Version&) const = default;

 private:
  explicit Version(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// The one kind of volumes there is.
inline constexpr std::string_view kKind = "nvidia_driver";

// What Docker calls a volume: "<kind>_<version>". What stands before the last '_' is the kind.
struct Name {
  std::string kind;
  Version version;
};

// Nothing for what is no such name.
[[nodiscard]] std::optional<Name> parse_name(std::string_view text);

// "nvidia_driver_361.48"
[[nodiscard]] std::string name_of(const Version& version);

}  // namespace nvhook::volumes
