// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/files/mount_id.hpp"

namespace nvhook::container {

// The container's future "/", held by a descriptor.
struct Rootfs {
  UniqueFd fd;                 // O_PATH
  std::string path;            // where it lies: host path text, for messages and the plan
  std::uint64_t mount_id = 0;  // files::mount_id_of
  // Of the tmpfs at its /dev that the container alone has (dev_mount_of); none if there is no such.
  std::optional<std::uint64_t> dev_mount_id;

  [[nodiscard]] ContainerRoot root() const { return {fd.get()}; }
};

// Opens the root file system `path` in the container's mount namespace, before the runtime has made
// it "/" there. It must be the root of a mount (the runtime binds it onto itself) and not the
// namespace's own "/", nor the hook's, whatever it is called. Links on the way are the host's and
// trusted. Fails with E_ROOTFS.
[[nodiscard]] Result<Rootfs> open_rootfs(const Process& process, const std::string& path);

// Opens the root file system of a bundle on this host, for a dry run without a container.
// Fails with E_ROOTFS.
[[nodiscard]] Result<Rootfs> open_rootfs_on_host(const std::string& path);

using files::mount_id_of;

}  // namespace nvhook::container
