// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace nvhook {

// A part of the driver that a container may ask for with NVIDIA_DRIVER_CAPABILITIES.
enum class Capability : std::uint8_t { Compute, Compat32, Graphics, Utility, Video, Display, Ngx };

inline constexpr std::array kAllCapabilities = {
    Capability::Compute, Capability::Compat32, Capability::Graphics, Capability::Utility,
    Capability::Video,   Capability::Display,  Capability::Ngx};

[[nodiscard]] std::string_view name_of(Capability capability);  // "compute"
[[nodiscard]] std::optional<Capability> capability_named(std::string_view name);

// A set of capabilities.
class Capabilities {
 public:
  constexpr Capabilities() = default;
  constexpr Capabilities(std::initializer_list<Capability> members) {
    for (const auto member : members) add(member);
  }
  [[nodiscard]] static constexpr Capabilities all() {
    Capabilities set;
    for (const auto member : kAllCapabilities) set.add(member);
    return set;
  }

  constexpr void add(Capability member) { bits_ |= bit(member); }
  [[nodiscard]] constexpr bool contains(Capability member) const {
    return (bits_ & bit(member)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr Capabilities operator&(Capabilities other) const {
    Capabilities both;
    both.bits_ = bits_ & other.bits_;
    return both;
  }
  bool operator==(const Capabilities&) const = default;

 private:
  static constexpr unsigned bit(Capability member) { return 1U << static_cast<unsigned>(member); }
  unsigned bits_ = 0;
};

}  // namespace nvhook
