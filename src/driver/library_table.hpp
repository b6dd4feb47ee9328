// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "nvhook/base/capability.hpp"

namespace nvhook::driver {

// What it means when a driver does not have the library.
enum class Need : std::uint8_t {
  Optional,   // nothing: newer or older drivers, or other products, have it
  Expected,   // W_LIBRARY_MISSING: every driver since R470 (2021) has it
  Essential,  // E_DRIVER_INCOMPLETE: its capability means nothing without it
};

// What a file must be, besides being of the driver's version.
enum class Rule : std::uint8_t {
  Version,       // nothing more
  AbiNote,       // it says that it needs Linux 2.3.99 or later: the other variant is for older ones
  GlvndVendor,   // nothing more, and the libraries of the next rule are not wanted beside it
  WithoutGlvnd,  // it needs the driver's GL core: under these names Mesa and GLVND have theirs
  OwnVersion,  // it comes with the driver, but counts versions of its own: whatever the loader has
  // Likewise, if it needs the driver's GL core or GLVND's dispatcher: Mesa has files of these
  // names. One of the driver's version is preferred.
  AnyButMesa,
};

struct LibraryRow {
  std::string_view stem;      // file and cache names are this, or start with this and a dot
  Capabilities capabilities;  // each brings it
  Need need = Need::Optional;
  Rule rule = Rule::Version;
  std::string_view soname{};  // of the last two rules: by which it is found in a directory
};

// Every library that a container may get. The one place that knows their names.
[[nodiscard]] std::span<const LibraryRow> library_table();

// What a volume has in place of the rows that stand under Rule::WithoutGlvnd.
[[nodiscard]] std::span<const LibraryRow> neutral_table();

}  // namespace nvhook::driver
