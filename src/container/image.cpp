// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::container {
namespace {

struct Loader {
  std::string_view path;
  Libc libc;
};

#if defined(__x86_64__)
constexpr std::string_view kDebianDirectory = "/usr/lib/x86_64-linux-gnu";
constexpr std::string_view kDebian32Directory = "/usr/lib/i386-linux-gnu";
#elif defined(__aarch64__)
constexpr std::string_view kDebianDirectory = "/usr/lib/aarch64-linux-gnu";
constexpr std::string_view kDebian32Directory = "/usr/lib/arm-linux-gnueabihf";
#else
#error "nvhook knows the library directories of x86-64 and aarch64 only"
#endif
constexpr std::string_view kOtherDirectory = "/usr/lib64";

// The loaders of the machines that NVIDIA has drivers for; PT_INTERP of programs there.
// Source: glibc, sysdeps/unix/sysv/linux/*/shlib-versions; musl, arch/*/reloc.h.
constexpr std::array kLoaders = {
#if defined(__x86_64__)
    Loader{"/lib64/ld-linux-x86-64.so.2", Libc::Glibc},
    Loader{"/lib/ld-musl-x86_64.so.1", Libc::Musl},
    Loader{"/lib/ld-linux-aarch64.so.1", Libc::Glibc},
    Loader{"/lib/ld-musl-aarch64.so.1", Libc::Musl},
#else
    Loader{"/lib/ld-linux-aarch64.so.1", Libc::Glibc},
    Loader{"/lib/ld-musl-aarch64.so.1", Libc::Musl},
    Loader{"/lib64/ld-linux-x86-64.so.2", Libc::Glibc},
    Loader{"/lib/ld-musl-x86_64.so.1", Libc::Musl},
#endif
    Loader{"/lib/ld-linux.so.2", Libc::Glibc},
};

// The image's links are followed on the root's own mount only: they may not lead the hook into a
// volume, which may be one that mounts when looked at, or never answers. Where a volume is mounted
// over a directory on the way, it is that directory.
Result<UniqueFd> look_up(ContainerRoot root, std::string_view path, int flags) {
  auto fd = files::open_at(root.fd, path.substr(1), flags, files::Lookup::Plain);
  if (fd || fd.error().code() != std::errc::too_many_symbolic_link_levels) return fd;
  return files::open_at(root.fd, path, flags, files::Lookup::InRootSameMount);
}

Result<bool> exists(ContainerRoot root, std::string_view path) {
  const auto file = look_up(root, path, O_PATH);
  if (!file && !leads_nowhere(file.error())) return std::unexpected(file.error());
  return file.has_value();
}

// An image may have anything under a loader's name; what is no ELF file is no loader. Other mounts
// are left alone: reading /proc/kmsg, a plain file by its looks, would take the host's log away.
Result<std::optional<elf::Identity>> loader_identity(ContainerRoot root, std::string_view path) {
  const auto file = files::open_regular(root.fd, path, files::Lookup::InRootSameMount);
  const bool none =
      !file && (leads_nowhere(file.error()) || file.error().code() == std::errc::invalid_argument);
  if (none) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  std::array<std::byte, elf::kIdentityBytes> start{};
  const auto got = ::pread(file->get(), start.data(), start.size(), 0);
  if (got < 0) return system_failure(ErrorId::Kernel, "read " + quote(path));
  if (got != static_cast<ssize_t>(start.size())) return std::nullopt;
  const auto identity = elf::identify(start);
  return identity ? std::optional(*identity) : std::nullopt;
}

// /usr/lib32 where it exists; else /usr/lib, unless that is the native directory, too.
Result<ContainerPath> other_32_directory(ContainerRoot root) {
  ContainerPath lib32{"/usr/lib32"};
  ContainerPath lib{"/usr/lib"};
  const auto has_lib32 = exists(root, lib32.value);
  if (!has_lib32) return std::unexpected(has_lib32.error());
  if (*has_lib32) return lib32;
  const auto plain = look_up(root, lib.value, O_PATH | O_DIRECTORY);
  const auto native = look_up(root, kOtherDirectory, O_PATH);
  for (const auto* lookup : {&plain, &native})
    if (!*lookup && !leads_nowhere(lookup->error())) return std::unexpected(lookup->error());
  struct stat one {};
  struct stat other {};
  if (!plain || ::fstat(plain->get(), &one) != 0) return lib32;
  const bool same = native && ::fstat(native->get(), &other) == 0 && one.st_dev == other.st_dev &&
                    one.st_ino == other.st_ino;
  return same ? lib32 : lib;
}

// The first loader that the image has.
Result<void> find_loader(ContainerRoot root, Image& image) {
  for (const auto& loader : kLoaders) {
    auto identity = loader_identity(root, loader.path);
    if (!identity) return std::unexpected(std::move(identity).error());
    if (!*identity) continue;
    image.loader = *identity;
    image.libc = loader.libc;
    break;
  }
  return {};
}

Result<bool> has_system_directory(ContainerRoot root) {
  for (const auto* name : {"/usr", "/lib", "/bin", "/etc"}) {
    const auto there = exists(root, name);
    if (!there || *there) return there;
  }
  return false;
}

Result<void> find_library_directories(ContainerRoot root, Image& image) {
  const auto debian = exists(root, "/etc/debian_version");
  if (!debian) return std::unexpected(debian.error());
  if (*debian) {
    image.library_directory = {std::string(kDebianDirectory)};
    image.library32_directory = {std::string(kDebian32Directory)};
    return {};
  }
  image.library_directory = {std::string(kOtherDirectory)};
  auto other = other_32_directory(root);
  if (!other) return std::unexpected(std::move(other).error());
  image.library32_directory = *std::move(other);
  return {};
}

}  // namespace

Result<Image> inspect(ContainerRoot root) {
  constexpr std::string_view kStep = "image";
  Image image;
  struct statvfs system {};
  // A server that does not know the call has nothing to say about it.
  if (::fstatvfs(root.fd, &system) == 0)
    image.read_only = (system.f_flag & ST_RDONLY) != 0;
  else if (errno != ENOSYS)
    return system_failure(ErrorId::Kernel, "image: statvfs");
  if (auto done = find_loader(root, image); !done) return failed_to(kStep, std::move(done));
  if (image.libc == Libc::None) {
    auto has_any = has_system_directory(root);
    if (!has_any) return failed_to(kStep, std::move(has_any));
    image.empty = !*has_any;
  }
  if (auto done = find_library_directories(root, image); !done)
    return failed_to(kStep, std::move(done));
  return image;
}

}  // namespace nvhook::container
