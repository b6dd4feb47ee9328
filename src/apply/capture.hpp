// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <map>
#include <utility>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/mount/source.hpp"
#include "nvhook/mount/tier.hpp"
#include "nvhook/plan/plan.hpp"

namespace nvhook::apply {

// A mount of the plan and what it is made from.
struct Captured {
  const plan::Mount* mount;
  mount::Source source;
};

// Takes the sources of mounts on this host, before the container is entered: from then on no name
// of the host is looked up again.
class Capturer {
 public:
  // In a user namespace of its own the host's root shows as the overflow uid.
  enum class OwnerView { Host, UserNamespace };
  // Opens "/". Fails with E_KERNEL.
  [[nodiscard]] static Result<Capturer> open(OwnerView view);

  // The source, opened (O_PATH) and checked. Libraries and programs: a plain file that only root
  // can change, not on a noexec mount. Other files: likewise, on any mount. Nodes: the very device,
  // in a directory of root's. Sockets and their directories: see files/trust.hpp. Fails with
  // E_SRC_TRUST, E_SRC_CHANGED, E_NODE_TYPE, E_KERNEL.
  [[nodiscard]] Result<UniqueFd> check(const plan::Mount& mount, DeviceNumber number);

  // Likewise, as what this kernel mounts. `there` is the root of the container's first process, in
  // its mount namespace: a classic mount takes files of that namespace only, so the source is
  // opened a second time there, and must be the file that was checked. Fails as check.
  [[nodiscard]] Result<mount::Source> capture(const plan::Mount& mount, DeviceNumber number,
                                              mount::Tier tier, int there);

  // The directory, opened once and checked. The descriptor is ours. Fails with E_SRC_TRUST,
  // E_SRC_CHANGED, E_KERNEL.
  [[nodiscard]] Result<int> directory(const HostPath& path);

 private:
  [[nodiscard]] Result<UniqueFd> open_directory(const HostPath& path) const;
  [[nodiscard]] Result<void> check_file(const plan::Mount& mount, int file,
                                        const struct stat& status) const;
  [[nodiscard]] Result<void> check_opened(const plan::Mount& mount, DeviceNumber number,
                                          int opened) const;
  // A detached copy of the source. It is looked at itself: that takes two calls less for each than
  // to open the file, look at it, and copy what was opened.
  [[nodiscard]] Result<UniqueFd> clone(const plan::Mount& mount, DeviceNumber number);
  [[nodiscard]] static Result<UniqueFd> check_for_writing(const plan::Mount& mount, int parent);

  Capturer(UniqueFd root, OwnerView view) : root_(std::move(root)), view_(view) {}

  [[nodiscard]] bool is_roots(unsigned uid) const;

  UniqueFd root_;
  OwnerView view_;
  std::map<HostPath, UniqueFd> directories_;
};

}  // namespace nvhook::apply
