// SPDX-License-Identifier: Apache-2.0
#include "driver_view.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/container/driver_directory.hpp"
#include "nvhook/files/mount_id.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/write.hpp"
#include "nvhook/mount/mount.hpp"
#include "nvhook/mount/propagation.hpp"
#include "nvhook/mount/source.hpp"

namespace nvhook::apply {
namespace {

// 16 GPUs with seven MIG devices each are 250 files, of a page each, which has 64 KiB on some
// machines.
constexpr auto kSize = "64m";
constexpr mode_t kFileMode = 0444;
constexpr mode_t kDirectoryMode = 0755;  // nobody can write there all the same, and we must
constexpr std::string_view kDirectoryName = "nvidia";

std::string_view below_directory(const ContainerPath& path) {
  return std::string_view(path.value)
      .substr(std::string_view(container::kDriverDirectory).size() + 1);
}

std::unexpected<Error> cannot_make(const std::string& name) {
  return system_failure(errno == ENOSPC ? ErrorId::NoSpace : ErrorId::Kernel,
                        "make " + quote(name) + " of the driver's view");
}

// Writes the files of a view into a file system of its own.
Result<void> fill(const plan::DriverView& view, int top) {
  std::set<std::string> directories;
  for (const auto& file : view.files) {
    const std::string name(below_directory(file.path));
    for (auto slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
      auto directory = name.substr(0, slash);
      if (directories.contains(directory)) continue;
      if (::mkdirat(top, directory.c_str(), kDirectoryMode) != 0) return cannot_make(directory);
      directories.insert(std::move(directory));
    }
    const UniqueFd made(::openat(top, name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!made) return cannot_make(name);
    if (auto done = files::write_whole(made.get(), file.content); !done) return done;
  }
  return {};
}

// The directory of the procfs, its name in a held one, and the mount that it lies on.
struct Found {
  UniqueFd directory;
  UniqueFd above;
  std::uint64_t mount_id = 0;
};

Result<Found> find_directory(const container::Rootfs& rootfs) {
  auto directory = container::open_driver_directory(rootfs.root());
  // The survey has seen it.
  if (!directory) return std::unexpected(std::move(directory).error().as(ErrorId::Race));
  const auto shared = mount::is_shared(directory->get());
  if (!shared) return std::unexpected(Error(shared.error()));
  if (*shared == true)
    return failure(ErrorId::Propagation, "mounts in the container's /proc would appear elsewhere");
  auto above =
      files::open_at(rootfs.fd.get(), "proc/driver", O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (!above) return std::unexpected(std::move(above).error().as(ErrorId::Race));
  const auto mount_id = files::mount_id_of(directory->get());
  if (!mount_id) return std::unexpected(Error(mount_id.error()));
  return Found{std::move(*directory), std::move(*above), *mount_id};
}

bool is_another_mount(int fd, std::uint64_t than) {
  const auto id = files::mount_id_of(fd);
  return id && *id != than;
}

// Over the directory. Gives a descriptor of the mount's root, by which it can be taken away.
Result<UniqueFd> mount_over(const Found& found, std::optional<UniqueFd> built,
                            const std::string& label, int fd_directory) {
  const std::string name(kDirectoryName);
  const mount::Point point{
      .fd = found.directory.get(),
      .directory = found.above.get(),
      .name = name,
      .is_new = [&](int mount) { return is_another_mount(mount, found.mount_id); }};
  if (built) return mount::attach(mount::DetachedTree{std::move(*built)}, point, fd_directory);
  return mount::attach_tmpfs(point, kSize, label, fd_directory);
}

// Binds the view's file over the procfs's own. `top`: the view's root.
Result<UniqueFd> bind_file(const plan::DriverView& view, int top, const Found& found,
                           int fd_directory) {
  const std::string name(below_directory(view.target));
  auto file = files::open_at(top, name, O_PATH | O_NOFOLLOW, files::Lookup::SameMount);
  if (!file) return std::unexpected(std::move(file).error().as(ErrorId::Race));
  // The directory's descriptor leads below the view that lies over it.
  const auto covered =
      files::open_at(found.directory.get(), name, O_PATH | O_NOFOLLOW, files::Lookup::SameMount);
  if (!covered) return std::unexpected(Error(covered.error()).as(ErrorId::Race));
  return mount::attach(
      mount::HeldFile{std::move(*file), kReadOnlyMount},
      {.fd = covered->get(),
       .directory = found.directory.get(),
       .name = name,
       .is_new = [&](int mount) { return is_another_mount(mount, found.mount_id); }},
      fd_directory);
}

}  // namespace

Result<std::optional<UniqueFd>> build_driver_view(const plan::DriverView& view,
                                                  const std::string& label, mount::Tier tier) {
  if (tier != mount::Tier::Detached) return std::nullopt;
  auto tmpfs = mount::make_tmpfs(kSize, label);
  if (!tmpfs) return std::unexpected(std::move(tmpfs).error());
  if (auto done = fill(view, tmpfs->get()); !done) return std::unexpected(std::move(done).error());
  if (auto done = mount::restrict_to(tmpfs->get(), kReadOnlyMount); !done)
    return std::unexpected(std::move(done).error());
  return std::move(*tmpfs);
}

Result<void> place_driver_view(const plan::DriverView& view, std::optional<UniqueFd> built,
                               const std::string& label, const container::Rootfs& rootfs,
                               Undo& undo, int fd_directory) {
  const bool is_full = built.has_value();
  const auto found = find_directory(rootfs);
  if (!found) return std::unexpected(Error(found.error()));
  undo.make_room();
  auto mounted = mount_over(*found, std::move(built), label, fd_directory);
  if (!mounted) return failed_to(quote(view.target.value), std::move(mounted));
  const int top = mounted->get();
  undo.mounted(std::move(*mounted));
  Result<void> done;
  if (!is_full) done = fill(view, top);
  if (done && !is_full) done = mount::restrict_attached(top, kReadOnlyMount, fd_directory);
  if (!done || view.whole) return done;
  undo.make_room();
  auto bound = bind_file(view, top, *found, fd_directory);
  if (!bound) return failed_to(quote(view.target.value), std::move(bound));
  undo.mounted(std::move(*bound));
  return mount::detach(top, fd_directory);
}

}  // namespace nvhook::apply
