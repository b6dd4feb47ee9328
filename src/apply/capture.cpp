// SPDX-License-Identifier: Apache-2.0
#include "capture.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/trust.hpp"
#include "nvhook/mount/mount.hpp"

namespace nvhook::apply {
namespace {

constexpr unsigned kOverflowUid = 65534;  // /proc/sys/kernel/overflowuid unless changed
constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;

std::unexpected<Error> not_trusted(const HostPath& path, std::string_view why) {
  return failure(ErrorId::SrcTrust, quote(path.value) + " " + std::string(why));
}

Result<void> check_node(const HostPath& path, const struct stat& status, DeviceNumber number) {
  const DeviceNumber actual{.major = gnu_dev_major(status.st_rdev),
                            .minor = gnu_dev_minor(status.st_rdev)};
  if (S_ISCHR(status.st_mode) && actual == number) return {};
  return failure(ErrorId::NodeType, quote(path.value) + " is not the character device " +
                                        std::to_string(number.major) + ":" +
                                        std::to_string(number.minor));
}

bool is_written_to(plan::Kind kind) {
  return kind == plan::Kind::Socket || kind == plan::Kind::Directory;
}

}  // namespace

Result<Capturer> Capturer::open(OwnerView view) {
  auto root = files::open_host_directory("/", ErrorId::Kernel);
  if (!root) return std::unexpected(std::move(root).error());
  return Capturer(std::move(*root), view);
}

bool Capturer::is_roots(unsigned uid) const {
  return uid == 0 || (view_ == OwnerView::UserNamespace && uid == kOverflowUid);
}

Result<UniqueFd> Capturer::open_directory(const HostPath& path) const {
  const auto name = path.value == "/" ? "." : path.value.substr(1);
  auto fd = files::open_at(root_.get(), name, O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (!fd) return std::unexpected(std::move(fd).error().as(ErrorId::SrcChanged));
  return fd;
}

Result<int> Capturer::directory(const HostPath& path) {
  if (const auto known = directories_.find(path); known != directories_.end())
    return known->second.get();
  auto fd = open_directory(path);
  if (!fd) return std::unexpected(std::move(fd).error());
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return system_failure(ErrorId::Kernel, "stat directory");
  if (!is_roots(status.st_uid) || (status.st_mode & kOthersMayWrite) != 0)
    return not_trusted(path, "can be changed by others than root; make it root's, mode 0755");
  const int borrowed = fd->get();
  directories_.emplace(path, std::move(*fd));
  return borrowed;
}

Result<void> Capturer::check_file(const plan::Mount& mount, int file,
                                  const struct stat& status) const {
  const auto& path = mount.source;
  if (!S_ISREG(status.st_mode)) return not_trusted(path, "is no longer a plain file");
  if (!is_roots(status.st_uid) || (status.st_mode & kOthersMayWrite) != 0)
    return not_trusted(path, "can be changed by others than root; make it root's, mode 0755");
  if (mount.kind == plan::Kind::Config || mount.kind == plan::Kind::Firmware) return {};
  struct statfs system {};
  if (::fstatfs(file, &system) != 0)
    return system_failure(ErrorId::Kernel, "statfs " + quote(path.value));
  if ((static_cast<unsigned long>(system.f_flags) & ST_NOEXEC) != 0)
    return not_trusted(path, "lies on a noexec mount: no program could load it");
  return {};
}

// A socket, or a directory of sockets: a daemon's user may have made it.
Result<UniqueFd> Capturer::check_for_writing(const plan::Mount& mount, int parent) {
  const auto& path = mount.source;
  auto fd = files::open_at(parent, path.name(), O_PATH | O_NOFOLLOW, files::Lookup::Plain);
  if (!fd) return std::unexpected(std::move(fd).error().as(ErrorId::SrcChanged));
  struct stat status {};
  struct stat above {};
  if (::fstat(fd->get(), &status) != 0 || ::fstat(parent, &above) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(path.value));
  const auto objection = mount.kind == plan::Kind::Socket
                             ? files::objection_to_socket(status, above)
                             : files::objection_to_directory(status, above);
  if (!objection.empty()) return not_trusted(path, objection);
  return fd;
}

Result<UniqueFd> Capturer::check(const plan::Mount& mount, DeviceNumber number) {
  const auto& path = mount.source;
  if (is_written_to(mount.kind)) {
    const auto above = open_directory(path.parent());
    if (!above) return std::unexpected(Error(above.error()));
    return check_for_writing(mount, above->get());
  }
  const auto parent = directory(path.parent());
  if (!parent) return std::unexpected(parent.error());
  auto fd = files::open_at(*parent, path.name(), O_PATH | O_NOFOLLOW, files::Lookup::Plain);
  if (!fd) return std::unexpected(std::move(fd).error().as(ErrorId::SrcChanged));
  if (auto fine = check_opened(mount, number, fd->get()); !fine)
    return std::unexpected(std::move(fine).error());
  return fd;
}

Result<void> Capturer::check_opened(const plan::Mount& mount, DeviceNumber number,
                                    int opened) const {
  const auto& path = mount.source;
  struct stat status {};
  if (::fstat(opened, &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(path.value));
  if (S_ISLNK(status.st_mode))
    return failure(ErrorId::SrcChanged, quote(path.value) + " has become a link");
  return mount.kind == plan::Kind::Device ? check_node(path, status, number)
                                          : check_file(mount, opened, status);
}

Result<UniqueFd> Capturer::clone(const plan::Mount& mount, DeviceNumber number) {
  const auto& path = mount.source;
  if (is_written_to(mount.kind)) {
    const auto checked = check(mount, number);
    if (!checked) return std::unexpected(checked.error());
    auto tree = mount::clone(checked->get());
    return tree ? std::move(tree) : failed_to(quote(path.value), std::move(tree));
  }
  const auto parent = directory(path.parent());
  if (!parent) return std::unexpected(parent.error());
  auto tree = mount::clone_at(*parent, std::string(path.name()));
  if (!tree && leads_nowhere(tree.error()))
    tree = std::unexpected(std::move(tree).error().as(ErrorId::SrcChanged));
  if (!tree) return failed_to(quote(path.value), std::move(tree));
  if (auto fine = check_opened(mount, number, tree->get()); !fine)
    return std::unexpected(std::move(fine).error());
  return tree;
}

namespace {

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino && one.st_mode == other.st_mode &&
         one.st_rdev == other.st_rdev;
}

Result<mount::Source> hold(const plan::Mount& mount, int checked, int there) {
  auto fd = files::open_at(there, mount.source.value.substr(1), O_PATH | O_NOFOLLOW,
                           files::Lookup::Plain);
  if (!fd) return std::unexpected(std::move(fd).error().as(ErrorId::SrcChanged));
  struct stat ours {};
  struct stat theirs {};
  if (::fstat(checked, &ours) != 0 || ::fstat(fd->get(), &theirs) != 0)
    return system_failure(ErrorId::Kernel, "stat");
  if (!same_file(ours, theirs)) return failure(ErrorId::SrcChanged, "another file");
  return mount::HeldFile{std::move(*fd), mount.options};
}

}  // namespace

Result<mount::Source> Capturer::capture(const plan::Mount& mount, DeviceNumber number,
                                        mount::Tier tier, int there) {
  if (tier == mount::Tier::Detached) {
    auto tree = clone(mount, number);
    if (!tree) return std::unexpected(std::move(tree).error());
    if (auto done = mount::restrict_to(tree->get(), mount.options); !done)
      return failed_to(quote(mount.source.value), std::move(done));
    return mount::DetachedTree{std::move(*tree)};
  }
  const auto checked = check(mount, number);
  if (!checked) return std::unexpected(checked.error());
  auto source = hold(mount, checked->get(), there);
  if (source) return source;
  return failed_to(quote(mount.source.value) +
                       " as the container's mount namespace has it, where this old kernel wants it "
                       "to be mounted from",
                   std::move(source));
}

}  // namespace nvhook::apply
