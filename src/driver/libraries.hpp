// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "driver/resolver.hpp"
#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

struct LibrarySearch {
  HostRoot root;                                // the driver root
  std::string root_path;                        // its real path, without a slash at the end
  Resolver& resolver;                           // of that root
  std::string_view version;                     // of the kernel module
  const std::vector<std::string>& directories;  // below it, where it has no etc/ld.so.cache
};

struct FoundLibraries {
  std::vector<Library> libraries;
  std::vector<Omitted> omitted;
  std::vector<Warning> warnings;
};

// Finds the libraries that one of `wanted` brings: among the entries of etc/ld.so.cache, or in the
// given directories where there is none. A library is taken only if the file that its name leads
// to ends with ".so.<version>": the kernel module refuses any other (kernel log: "API mismatch").
// Fails with E_DRIVER_INCOMPLETE, E_DRIVER_READ (the cache), E_KERNEL, E_RACE.
[[nodiscard]] Result<FoundLibraries> find_libraries(const LibrarySearch& search,
                                                    Capabilities wanted, Purpose purpose);

}  // namespace nvhook::driver
