// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "driver/libraries.hpp"
#include "driver/shelf.hpp"

// Two ways to find candidates for the shelf.
namespace nvhook::driver {

// Offers the entries of an ld.so.cache, given as its bytes. Fails with E_DRIVER_READ, E_KERNEL,
// E_RACE.
[[nodiscard]] Result<void> fill_from_cache(Shelf& shelf, const LibrarySearch& search,
                                           std::string_view cache);

// Offers the files "<stem>.<version>" of the search's directories, in their order. Fails with
// E_KERNEL, E_RACE.
[[nodiscard]] Result<void> fill_from_directories(Shelf& shelf, const LibrarySearch& search);

// The driver versions of which the directories have a file "<stem>.<version>". Lists the
// directories, which takes long: for messages only.
[[nodiscard]] std::vector<std::string> versions_in_directories(const LibrarySearch& search,
                                                               std::string_view stem);

}  // namespace nvhook::driver
