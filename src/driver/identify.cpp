// SPDX-License-Identifier: Apache-2.0
#include "nvhook/driver/identify.hpp"

#include <utility>

#include "driver/gpus.hpp"
#include "driver/version.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::driver {

Result<Identity> identify(const Where& where) {
  auto version = find_version(where.sys_root, where.proc_root);
  if (!version) return std::unexpected(std::move(version).error());
  const auto proc = files::open_host_directory(where.proc_root, ErrorId::DriverRead);
  if (!proc) return std::unexpected(proc.error());
  auto gpus = find_gpus(proc->get());
  if (!gpus) return std::unexpected(std::move(gpus).error());
  return Identity{.version = std::move(*version), .gpus = std::move(*gpus)};
}

}  // namespace nvhook::driver
