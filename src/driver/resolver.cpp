// SPDX-License-Identifier: Apache-2.0
#include "driver/resolver.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::driver {
namespace {

Result<ResolvedFile> with_status(ResolvedFile file) {
  if (::fstat(file.fd.get(), &file.status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(file.path.value));
  return file;
}

// Any link, any number of them, anywhere on the way.
Result<ResolvedFile> open_by_kernel(HostRoot root, const HostPath& path, int flags) {
  auto fd = files::open_in_root(root, path, flags);
  if (!fd) return std::unexpected(std::move(fd).error());
  auto real = files::path_of(fd->get());
  if (!real) return std::unexpected(std::move(real).error());
  return with_status({.fd = *std::move(fd), .path = HostPath{*std::move(real)}});
}

// What `name` in the directory leads to, if that is a name in the directory as well: itself, or
// where it is a link, the target. Empty for links to elsewhere.
Result<std::string> target_beside(int directory, const std::string& name) {
  std::array<char, kMaxName + 1> buffer;
  const auto size = ::readlinkat(directory, name.c_str(), buffer.data(), buffer.size());
  if (size < 0 && errno == EINVAL) return name;  // not a link
  if (size < 0) return system_failure(ErrorId::Kernel, "readlink " + quote(name));
  const std::string_view target(buffer.data(), static_cast<std::size_t>(size));
  const bool is_name =
      target.size() <= kMaxName && !target.contains('/') && target != "." && target != "..";
  return is_name ? std::string(target) : std::string();
}

}  // namespace

// Without a link on the way the path is what it says, below the root's own; asking the kernel for
// the path of a descriptor takes longer than opening it.
Result<ResolvedFile> Resolver::open_directory(const HostPath& inside) {
  const auto name = inside.value == "/" ? "." : inside.value.substr(1);
  auto fd = files::open_at(root_.fd, name, O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (fd)
    return ResolvedFile{.fd = *std::move(fd),
                        .path = inside.value == "/" ? real_root_ : real_root_ / name};
  if (fd.error().code() == std::errc::too_many_symbolic_link_levels)
    return open_by_kernel(root_, inside, O_PATH | O_DIRECTORY);
  return std::unexpected(std::move(fd).error());
}

Result<const Resolver::Directory*> Resolver::directory(const HostPath& inside) {
  const auto known = std::ranges::find(directories_, inside, &Directory::inside);
  if (known != directories_.end()) return &*known;
  const auto tried = std::ranges::find(unreachable_, inside, &Unreachable::inside);
  if (tried != unreachable_.end()) return std::unexpected(tried->why);
  auto opened = open_directory(inside);
  if (!opened) {
    unreachable_.emplace_back(inside, opened.error());
    return std::unexpected(std::move(opened).error());
  }
  return &directories_.emplace_back(inside, std::move(opened->path), std::move(opened->fd));
}

Result<ResolvedFile> Resolver::open(const HostPath& path, int flags) {
  const auto found = directory(path.parent());
  if (!found) return std::unexpected(found.error());
  const auto& in = **found;
  const auto target = target_beside(in.fd.get(), std::string(path.name()));
  if (!target) return std::unexpected(target.error());
  if (target->empty()) return open_by_kernel(root_, path, flags);
  auto fd = files::open_at(in.fd.get(), *target, flags, files::Lookup::Plain);
  if (fd) return with_status({.fd = *std::move(fd), .path = in.real / *target});
  // A link to a link, as Debian's alternatives are.
  if (fd.error().code() == std::errc::too_many_symbolic_link_levels)
    return open_by_kernel(root_, path, flags);
  return std::unexpected(std::move(fd).error());
}

Result<ResolvedFile> Resolver::look_at(const HostPath& path) {
  const auto found = directory(path.parent());
  if (!found) return std::unexpected(found.error());
  const auto& in = **found;
  ResolvedFile file;
  std::string name(path.name());
  // Mostly a file, or a link to one beside it.
  for (int links = 0; links < 2; ++links) {
    if (::fstatat(in.fd.get(), name.c_str(), &file.status, AT_SYMLINK_NOFOLLOW) != 0)
      return system_failure(ErrorId::Kernel, "stat " + quote(path.value));
    if (!S_ISLNK(file.status.st_mode)) {
      file.path = in.real / name;
      return file;
    }
    auto target = target_beside(in.fd.get(), name);
    if (!target) return std::unexpected(std::move(target).error());
    if (target->empty()) break;
    name = std::move(*target);
  }
  return open_by_kernel(root_, path, O_PATH);
}

}  // namespace nvhook::driver
