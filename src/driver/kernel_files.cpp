// SPDX-License-Identifier: Apache-2.0
#include "driver/kernel_files.hpp"

#include <fcntl.h>

#include <array>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::driver {
namespace {

constexpr std::string_view kDirectory = "driver/nvidia";
constexpr std::size_t kMaxFile = std::size_t{64} << 10U;  // params has 1 KiB

// Source: libnvidia-container, src/nvc_mount.c (mount_procfs). NVML reads them. What else is there
// belongs to other GPUs, or is for the host's root to write to (suspend).
constexpr std::array<std::string_view, 3> kNames = {"params", "version", "registry"};

}  // namespace

Result<std::vector<KernelFile>> find_kernel_files(int proc, const std::string& proc_path,
                                                  ProcfsView view) {
  std::vector<KernelFile> found;
  if (view == ProcfsView::None) return found;
  const auto directory =
      files::open_at(proc, kDirectory, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
  if (!directory && leads_nowhere(directory.error())) return found;
  if (!directory) return std::unexpected(Error(directory.error()).as(ErrorId::DriverRead));
  const HostPath path{proc_path + "/" + std::string(kDirectory)};
  for (const auto name : kNames) {
    if (view == ProcfsView::Params && name != "params") continue;
    auto content = files::read_file(directory->get(), name, kMaxFile, files::Lookup::InRoot);
    if (!content && leads_nowhere(content.error())) continue;
    if (!content)
      return std::unexpected(
          std::move(content).error().as(ErrorId::DriverRead).within(quote(path.value)));
    found.push_back({std::string(name), path / name, std::move(*content)});
  }
  return found;
}

}  // namespace nvhook::driver
