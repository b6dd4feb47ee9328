// SPDX-License-Identifier: Apache-2.0
#include "driver/gds_files.hpp"

#include <sys/stat.h>

#include <array>
#include <utility>

#include "driver/resolver.hpp"

namespace nvhook::driver {
namespace {

struct Row {
  FileKind kind;
  const char* path;
  mode_t type;
};
constexpr std::array kRows = {Row{FileKind::Config, "/etc/cufile.json", S_IFREG},
                              Row{FileKind::Directory, "/run/udev", S_IFDIR}};

}  // namespace

Result<std::vector<File>> find_gds_files(Resolver& resolver) {
  std::vector<File> found;
  for (const auto& row : kRows) {
    auto file = resolver.look_at({row.path});
    if (!file && leads_nowhere(file.error())) continue;
    if (!file) return std::unexpected(std::move(file).error());
    if ((file->status.st_mode & S_IFMT) != row.type) continue;
    found.push_back({.kind = row.kind,
                     .path = std::move(file->path),
                     .target = {row.path},
                     .capabilities = {},
                     .feature = Feature::Gds});
  }
  return found;
}

}  // namespace nvhook::driver
