// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string_view>

#include "nvhook/config/settings.hpp"

namespace nvhook::config {
namespace {

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

}  // namespace

Settings defaults() {
  Settings settings;
  settings.search.libraries.assign(kLibraries.begin(), kLibraries.end());
  settings.search.programs.assign(kPrograms.begin(), kPrograms.end());
  return settings;
}

}  // namespace nvhook::config
