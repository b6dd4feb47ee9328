// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

// The files of .nvhook.
namespace nvhook::volumes {

enum class Durable : std::uint8_t {
  Yes,  // bytes and name are on disk when it returns
  No,   // the file is of no use after the next boot
};

// Writes the file `name`, in the place of an older one, whole or not at all.
// Fails with E_STORE, E_NOSPC.
[[nodiscard]] Result<void> write_own(int own, const std::string& name, std::string_view text,
                                     Durable durable);

// Where there is no room for a second file: writes over the one that is there, and is not shorter.
// Whoever is killed meanwhile leaves the beginning of the new text and the end of the old.
// Fails with E_STORE, E_NOSPC.
[[nodiscard]] Result<void> shorten_own(int own, const std::string& name, std::string_view text);

// Its bytes; nothing if it is not there. Fails with E_STORE.
[[nodiscard]] Result<std::optional<std::string>> read_own(int own, const std::string& name,
                                                          std::size_t cap);

// Makes the calls of all processes that change a store wait for each other, until the descriptor is
// closed. Fails with E_STORE, also when it has waited for longer than `patience`.
[[nodiscard]] Result<UniqueFd> lock_own(int own, std::chrono::milliseconds patience);

}  // namespace nvhook::volumes
