// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

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

bool exists(ContainerRoot root, std::string_view path) {
  return files::open_at(root.fd, path, O_PATH, files::Lookup::InRoot).has_value();
}

// An image may have anything under a loader's name; what is no ELF file is no loader. Other mounts
// are left alone: reading /proc/kmsg, a plain file by its looks, would take the host's log away.
std::optional<elf::Identity> loader_identity(ContainerRoot root, std::string_view path) {
  const auto file = files::open_regular(root.fd, path, files::Lookup::InRootSameMount);
  if (!file) return std::nullopt;
  std::array<std::byte, elf::kIdentityBytes> start{};
  if (::pread(file->get(), start.data(), start.size(), 0) != static_cast<ssize_t>(start.size()))
    return std::nullopt;
  const auto identity = elf::identify(start);
  return identity ? std::optional(*identity) : std::nullopt;
}

// /usr/lib32 where it exists; else /usr/lib, unless that is the native directory, too.
ContainerPath other_32_directory(ContainerRoot root) {
  ContainerPath lib32{"/usr/lib32"};
  ContainerPath lib{"/usr/lib"};
  if (exists(root, lib32.value)) return lib32;
  const auto plain = files::open_in_root(root, lib, O_PATH | O_DIRECTORY);
  const auto native = files::open_at(root.fd, kOtherDirectory, O_PATH, files::Lookup::InRoot);
  struct stat one {};
  struct stat other {};
  if (!plain || ::fstat(plain->get(), &one) != 0) return lib32;
  const bool same = native && ::fstat(native->get(), &other) == 0 && one.st_dev == other.st_dev &&
                    one.st_ino == other.st_ino;
  return same ? lib32 : lib;
}

}  // namespace

Result<Image> inspect(ContainerRoot root) {
  Image image;
  for (const auto& loader : kLoaders) {
    image.loader = loader_identity(root, loader.path);
    if (!image.loader) continue;
    image.libc = loader.libc;
    break;
  }
  constexpr std::array<std::string_view, 4> kSystemNames = {"/usr", "/lib", "/bin", "/etc"};
  image.empty = image.libc == Libc::None &&
                std::ranges::none_of(kSystemNames, [&](auto name) { return exists(root, name); });

  if (exists(root, "/etc/debian_version")) {
    image.library_directory = {std::string(kDebianDirectory)};
    image.library32_directory = {std::string(kDebian32Directory)};
  } else {
    image.library_directory = {std::string(kOtherDirectory)};
    image.library32_directory = other_32_directory(root);
  }
  return image;
}

}  // namespace nvhook::container
