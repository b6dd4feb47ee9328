// SPDX-License-Identifier: Apache-2.0
#include "keys.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <variant>

namespace nvhook::config {
namespace {

constexpr std::array<std::string_view, 1> kUnset = {""};
constexpr std::array<std::string_view, 1> kSlash = {"/"};
constexpr std::array<std::string_view, 1> kProc = {"/proc"};
constexpr std::array<std::string_view, 1> kSys = {"/sys"};
constexpr std::array<std::string_view, 1> kDev = {"/dev"};

// Where distributions put libraries, before the places of hosts that keep the driver apart: NixOS,
// driver containers and machine images. Within each group 64 bits come first, so that a directory
// which holds them on one distribution and 32 bits on another (/usr/lib: Arch, Fedora) decides
// nothing: the class of every library is read from its header.
constexpr std::array<std::string_view, 13> kLibraries = {
    "/usr/lib/x86_64-linux-gnu",  // Debian, Ubuntu
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",  // Fedora, RHEL, SUSE
    "/usr/lib",    // Arch, Alpine; 32 bits elsewhere
    "/lib64",      // hosts where these are no links into /usr
    "/lib",
    // NixOS: links into /nix/store. Source: nixpkgs, nixos/modules/hardware/graphics.nix.
    "/run/opengl-driver/lib",
    "/usr/lib/i386-linux-gnu",  // 32 bits: Debian, Ubuntu
    "/usr/lib32",               // 32 bits: Arch
    "/lib32",
    "/run/opengl-driver-32/lib",  // 32 bits: NixOS
    "/usr/local/nvidia/lib64",
    "/usr/local/nvidia/lib",
};

constexpr std::array<std::string_view, 8> kPrograms = {
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/run/current-system/sw/bin",  // NixOS
    "/usr/local/nvidia/bin",
};

constexpr std::array<std::string_view, 2> kLayout = {"system", "tree"};   // as of the enum
constexpr std::array<std::string_view, 2> kCudaCompat = {"auto", "off"};  // as of the enum

constexpr Key kKeys[] = {
    {"roots", "driver", PathOf([](Settings& s) -> auto& { return s.roots.driver; }), kSlash},
    {"roots", "dev", PathOf([](Settings& s) -> auto& { return s.roots.dev; }), kUnset},
    {"roots", "proc", PathOf([](Settings& s) -> auto& { return s.roots.proc; }), kProc},
    {"roots", "sys", PathOf([](Settings& s) -> auto& { return s.roots.sys; }), kSys},
    {"search", "libraries", PathsOf([](Settings& s) -> auto& { return s.search.libraries; }),
     kLibraries},
    {"search", "programs", PathsOf([](Settings& s) -> auto& { return s.search.programs; }),
     kPrograms},
    {"search", "nodes", PathOf([](Settings& s) -> auto& { return s.search.nodes; }), kDev},
    {"container", "layout",
     WordOf{kLayout,
            [](Settings& s, std::size_t position) {
              s.container.layout = static_cast<Layout>(position);
            }},
     std::span(kLayout).first(1)},
    {"container", "cuda_compat",
     WordOf{kCudaCompat,
            [](Settings& s, std::size_t position) {
              s.container.cuda_compat = static_cast<CudaCompat>(position);
            }},
     std::span(kCudaCompat).first(1)},
    {"log", "file", PathOf([](Settings& s) -> auto& { return s.log.file; }), kUnset},
};

}  // namespace

std::span<const Key> all_keys() { return kKeys; }

Settings defaults() {
  Settings settings;
  for (const auto& key : kKeys) {
    if (const auto* path = std::get_if<PathOf>(&key.place)) {
      (*path)(settings) = key.usual.front();
    } else if (const auto* paths = std::get_if<PathsOf>(&key.place)) {
      (*paths)(settings).assign(key.usual.begin(), key.usual.end());
    } else {
      const auto& [words, keep] = std::get<WordOf>(key.place);
      const auto usual = std::ranges::find(words, key.usual.front());
      keep(settings, static_cast<std::size_t>(usual - words.begin()));
    }
  }
  return settings;
}

}  // namespace nvhook::config
