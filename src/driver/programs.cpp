// SPDX-License-Identifier: Apache-2.0
#include "driver/programs.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <optional>
#include <string_view>

#include "driver/resolver.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::driver {
namespace {

struct ProgramRow {
  std::string_view name;
  Capability capability;
};

// Source: libnvidia-container, src/nvc_info.c; nvidia-container-toolkit, pkg/nvcdi (nvidia-imex).
// Those that change the host (nvidia-modprobe,
// nvidia-settings, nvidia-xconfig) have no use in a container.
constexpr std::array kPrograms = {
    ProgramRow{"nvidia-smi", Capability::Utility},
    ProgramRow{"nvidia-debugdump", Capability::Utility},
    ProgramRow{"nvidia-persistenced", Capability::Utility},
    ProgramRow{"nv-fabricmanager", Capability::Utility},
    ProgramRow{"nvidia-imex", Capability::Utility},
    ProgramRow{"nvidia-imex-ctl", Capability::Utility},
    ProgramRow{"nvidia-cuda-mps-control", Capability::Compute},
    ProgramRow{"nvidia-cuda-mps-server", Capability::Compute},
};

// The executable file there; nothing if there is none.
Result<std::optional<ResolvedFile>> find_executable(Resolver& resolver, const HostPath& path) {
  auto file = resolver.look_at(path);
  if (!file && leads_nowhere(file.error())) return std::nullopt;
  if (!file) return std::unexpected(std::move(file).error());
  const auto& status = file->status;
  constexpr auto kAnyExecute = S_IXUSR | S_IXGRP | S_IXOTH;
  if (!S_ISREG(status.st_mode) || (status.st_mode & kAnyExecute) == 0) return std::nullopt;
  return *std::move(file);
}

// The same program as NVIDIA has made it: nixpkgs writes a loader of its store into those in bin,
// which no container has, and leaves those in origBin for containers.
// Source: nixpkgs, pkgs/os-specific/linux/nvidia-x11/builder.sh.
Result<std::optional<ResolvedFile>> find_original(HostRoot root, Resolver& resolver,
                                                  const HostPath& asked, const HostPath& real) {
  if (real.parent().name() != "bin") return std::nullopt;
  const auto program = resolver.open(asked, O_PATH);
  if (!program) return std::unexpected(program.error());
  auto inside = files::path_below(root.fd, program->fd.get());
  if (!inside) return std::unexpected(std::move(inside).error());
  const HostPath path{*std::move(inside)};
  return find_executable(resolver, path.parent().parent() / "origBin" / path.name());
}

}  // namespace

Result<std::vector<Program>> find_programs(HostRoot root, Resolver& resolver,
                                           const std::vector<std::string>& directories,
                                           Capabilities wanted) {
  std::vector<Program> programs;
  for (const auto& row : kPrograms) {
    if (!wanted.contains(row.capability)) continue;
    for (const auto& directory : directories) {
      const auto path = HostPath{directory} / row.name;
      auto file = find_executable(resolver, path);
      if (!file) return std::unexpected(std::move(file).error());
      if (!*file) continue;
      // In a directory of the search itself there is nothing of a store: no need to ask.
      const bool linked = !(*file)->path.value.ends_with(path.value);
      auto original = linked ? find_original(root, resolver, path, (*file)->path) : std::nullopt;
      if (!original) return std::unexpected(std::move(original).error());
      auto& taken = *original ? **original : **file;
      programs.push_back({std::move(taken.path), row.capability});
      break;
    }
  }
  return programs;
}

}  // namespace nvhook::driver
