// SPDX-License-Identifier: Apache-2.0
#include "driver/config_files.hpp"

#include <sys/stat.h>

#include <string>
#include <utility>

#include "driver/config_table.hpp"
#include "driver/resolver.hpp"

namespace nvhook::driver {

Result<std::vector<File>> find_config_files(Resolver& resolver, Capabilities wanted) {
  std::vector<File> found;
  for (const auto& row : config_table()) {
    const bool brought = !(row.capabilities & wanted).empty();
    if (!brought && (row.in_present_directory & wanted).empty()) continue;
    for (const auto directory : data_directories()) {
      auto file = resolver.look_at({std::string(directory) + "/" + std::string(row.name)});
      if (!file && leads_nowhere(file.error())) continue;
      if (!file) return std::unexpected(std::move(file).error());
      if (!S_ISREG(file->status.st_mode)) continue;
      const auto target = std::string(row.directory) + "/" + std::string(row.name);
      found.push_back({.kind = FileKind::Config,
                       .path = std::move(file->path),
                       .target = {target},
                       .capabilities = brought ? row.capabilities : row.in_present_directory,
                       .in_present_directory = !brought});
      break;
    }
  }
  return found;
}

}  // namespace nvhook::driver
