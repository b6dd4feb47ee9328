// SPDX-License-Identifier: Apache-2.0
#include "driver/config_table.hpp"

#include <array>

namespace nvhook::driver {
namespace {

constexpr Capabilities kGraphics{Capability::Graphics, Capability::Display};
// The library that this one names comes with these.
constexpr Capabilities kOpenCl{Capability::Compute, Capability::Video};

// Where installers put such files, as the libraries that read them search; then where hosts are
// that keep the driver apart: NixOS, and machine images with all of it in one tree.
// Source: freedesktop.org, XDG Base Directory Specification; nvidia-container-toolkit,
// internal/discover/graphics.go.
constexpr std::array<std::string_view, 6> kDirectories = {
    "/etc", "/usr/local/share", "/usr/share", "/run/opengl-driver/share", "/usr/local/nvidia", ""};

// Source: likewise; "Installed Components" of the driver's README. The machine's name in the third
// file of Vulkan is Debian's and Ubuntu's.
constexpr std::array kTable = {
    ConfigRow{"glvnd/egl_vendor.d/10_nvidia.json", "/usr/share", kGraphics},
    ConfigRow{"egl/egl_external_platform.d/09_nvidia_wayland2.json", "/usr/share", kGraphics},
    ConfigRow{"egl/egl_external_platform.d/10_nvidia_wayland.json", "/usr/share", kGraphics},
    ConfigRow{"egl/egl_external_platform.d/15_nvidia_gbm.json", "/usr/share", kGraphics},
    ConfigRow{"egl/egl_external_platform.d/20_nvidia_xcb.json", "/usr/share", kGraphics},
    ConfigRow{"egl/egl_external_platform.d/20_nvidia_xlib.json", "/usr/share", kGraphics},
    ConfigRow{"nvidia/nvoptix.bin", "/usr/share", kGraphics},
    ConfigRow{"vulkan/icd.d/nvidia_icd.json", "/etc", kGraphics},
    ConfigRow{"vulkan/icd.d/nvidia_layers.json", "/etc", kGraphics},
#if defined(__x86_64__)
    ConfigRow{"vulkan/icd.d/nvidia_icd.x86_64.json", "/etc", kGraphics},
#else
    ConfigRow{"vulkan/icd.d/nvidia_icd.aarch64.json", "/etc", kGraphics},
#endif
    ConfigRow{"vulkan/implicit_layer.d/nvidia_layers.json", "/etc", kGraphics},
    ConfigRow{"OpenCL/vendors/nvidia.icd", "/etc", kGraphics, kOpenCl},
};

}  // namespace

std::span<const std::string_view> data_directories() { return kDirectories; }
std::span<const ConfigRow> config_table() { return kTable; }

}  // namespace nvhook::driver
