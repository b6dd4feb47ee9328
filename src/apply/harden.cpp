// SPDX-License-Identifier: Apache-2.0
#include "harden.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/mount/mount.hpp"
#include "nvhook/mount/stage.hpp"

namespace nvhook::apply {
namespace {

constexpr auto kOldKernel = "this kernel has no detached mounts (Linux 5.12)";

// The descriptor of a detached mount; none where the kernel mounts files.
const UniqueFd* tree_of(const Captured& captured) {
  const auto* tree = std::get_if<mount::DetachedTree>(&captured.source);
  return tree == nullptr ? nullptr : &tree->fd;
}

bool all_detached(const std::vector<Captured>& captured) {
  return std::ranges::none_of(captured, [](const auto& one) { return tree_of(one) == nullptr; });
}

// The same file, looked at through another file system.
bool same_content(int one, int other) {
  struct stat a {};
  struct stat b {};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_ino == b.st_ino &&
         a.st_mode == b.st_mode && a.st_size == b.st_size && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

// Everything opened here is of the private namespace: a mount can be made of nothing else.
class Sealer {
 public:
  Sealer(mount::Stage stage, Capturer capturer, UniqueFd own_fds)
      : stage_(std::move(stage)), capturer_(std::move(capturer)), own_fds_(std::move(own_fds)) {}

  static Result<Sealer> make(const container::Procfs& procfs, Capturer::OwnerView view) {
    auto stage = mount::Stage::make();
    if (!stage) return std::unexpected(std::move(stage).error());
    auto capturer = Capturer::open(view);
    if (!capturer) return std::unexpected(std::move(capturer).error());
    // Of this child, which may look at its own descriptors whatever its capabilities.
    UniqueFd own_fds(::openat(procfs.root.get(), "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!own_fds) return system_failure(ErrorId::Kernel, "open /proc/self/fd");
    return Sealer(std::move(*stage), std::move(*capturer), std::move(own_fds));
  }

  Result<void> seal(const plan::Mount& mount, int tree) {
    const auto overlay = overlay_of(mount.source.parent());
    if (!overlay) return std::unexpected(Error(overlay.error()));
    auto sealed = mount::clone_at(*overlay, std::string(mount.source.name()));
    if (!sealed) return std::unexpected(std::move(sealed).error());
    if (!same_content(sealed->get(), tree))
      return failure(ErrorId::SrcChanged, "the overlay shows another file");
    if (auto done = mount::restrict_to(sealed->get(), mount.options); !done) return done;
    return mount::exchange_descriptor(tree, std::move(*sealed));
  }

 private:
  Result<int> overlay_of(const HostPath& path) {
    if (const auto known = overlays_.find(path); known != overlays_.end())
      return known->second.get();
    const auto directory = capturer_.directory(path);
    if (!directory) return std::unexpected(Error(directory.error()));
    auto overlay = stage_.overlay(*directory, own_fds_.get());
    if (!overlay) return std::unexpected(std::move(overlay).error());
    const int borrowed = overlay->get();
    overlays_.emplace(path, std::move(*overlay));
    return borrowed;
  }

  mount::Stage stage_;
  Capturer capturer_;
  UniqueFd own_fds_;
  std::map<HostPath, UniqueFd> overlays_;
};

// Runs in the private namespace.
Result<void> seal_all(const std::vector<Captured>& captured, const container::Procfs& procfs,
                      Capturer::OwnerView view) {
  auto sealer = Sealer::make(procfs, view);
  if (!sealer) return std::unexpected(std::move(sealer).error());
  for (const auto& one : captured) {
    if (!one.mount->sealed) continue;
    if (auto done = sealer->seal(*one.mount, tree_of(one)->get()); !done)
      return failed_to(quote(one.mount->source.value), std::move(done));
  }
  return {};
}

std::vector<Warning> warn_unless(const Result<void>& done, WarningId id,
                                 const std::string& consequence) {
  if (done) return {};
  const auto& error = done.error();
  const auto reason =
      error.code() ? error.message() + ": " + error.code().message() : error.message();
  return {{id, consequence + ": " + reason}};
}

}  // namespace

std::vector<Warning> seal(const std::vector<Captured>& captured, const container::Procfs& procfs,
                          Capturer::OwnerView view) {
  if (std::ranges::none_of(captured, [](const auto& one) { return one.mount->sealed; })) return {};
  const auto done =
      all_detached(captured)
          ? mount::in_private_namespace([&] { return seal_all(captured, procfs, view); })
          : failure(ErrorId::Kernel, kOldKernel);
  return warn_unless(done, WarningId::NotSealed,
                     "the container may mount (CAP_SYS_ADMIN) and can make the driver's files, "
                     "which are this host's, writable");
}

std::vector<Warning> lock(const std::vector<Captured>& captured,
                          const container::Process& process) {
  if (!process.user_namespace || captured.empty()) return {};
  Result<void> done = failure(ErrorId::Kernel, kOldKernel);
  if (all_detached(captured)) {
    std::vector<int> trees;
    std::ranges::transform(captured, std::back_inserter(trees),
                           [](const auto& one) { return tree_of(one)->get(); });
    done = mount::lock(trees, process.user_namespace.get());
  }
  return warn_unless(done, WarningId::NotLocked,
                     "root of the container's user namespace can take \"ro\", \"nosuid\" and "
                     "\"nodev\" off the driver's mounts");
}

}  // namespace nvhook::apply
