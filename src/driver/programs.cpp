// SPDX-License-Identifier: Apache-2.0
#include "driver/programs.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <optional>
#include <string_view>

#include "driver/resolver.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::driver {
namespace {

struct ProgramRow {
  std::string_view name;
  Capability capability;
};

// Source: libnvidia-container, src/nvc_info.c. Those that change the host (nvidia-modprobe,
// nvidia-settings, nvidia-xconfig) have no use in a container.
constexpr std::array kPrograms = {
    ProgramRow{"nvidia-smi", Capability::Utility},
    ProgramRow{"nvidia-debugdump", Capability::Utility},
    ProgramRow{"nvidia-persistenced", Capability::Utility},
    ProgramRow{"nv-fabricmanager", Capability::Utility},
    ProgramRow{"nvidia-cuda-mps-control", Capability::Compute},
    ProgramRow{"nvidia-cuda-mps-server", Capability::Compute},
};

// The real path of the executable file there; nothing if there is none.
Result<std::optional<HostPath>> find_executable(Resolver& resolver, const HostPath& path) {
  auto file = resolver.open(path, O_PATH);
  if (!file && leads_nowhere(file.error())) return std::nullopt;
  if (!file) return std::unexpected(std::move(file).error());
  struct stat status{};
  if (::fstat(file->fd.get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(path.value));
  constexpr auto kAnyExecute = S_IXUSR | S_IXGRP | S_IXOTH;
  if (!S_ISREG(status.st_mode) || (status.st_mode & kAnyExecute) == 0) return std::nullopt;
  return std::move(file->path);
}

}  // namespace

Result<std::vector<Program>> find_programs(HostRoot root,
                                           const std::vector<std::string>& directories,
                                           Capabilities wanted) {
  Resolver resolver(root);
  std::vector<Program> programs;
  for (const auto& row : kPrograms) {
    if (!wanted.contains(row.capability)) continue;
    for (const auto& directory : directories) {
      auto path = find_executable(resolver, HostPath{directory} / row.name);
      if (!path) return std::unexpected(std::move(path).error());
      if (!*path) continue;
      programs.push_back({**std::move(path), row.capability});
      break;
    }
  }
  return programs;
}

}  // namespace nvhook::driver
