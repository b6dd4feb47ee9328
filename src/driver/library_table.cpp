// SPDX-License-Identifier: Apache-2.0
#include "driver/library_table.hpp"

#include <array>

namespace nvhook::driver {
namespace {

constexpr Capabilities kUtility{Capability::Utility};
constexpr Capabilities kCompute{Capability::Compute, Capability::Video};  // codecs run on CUDA
constexpr Capabilities kVideo{Capability::Video};
constexpr Capabilities kGraphics{Capability::Graphics, Capability::Display};
constexpr Capabilities kNgx{Capability::Ngx};
constexpr Capabilities kBoth{Capability::Compute, Capability::Video, Capability::Graphics,
                             Capability::Display};

constexpr LibraryRow own_version(std::string_view stem, std::string_view soname,
                                 Capabilities capabilities) {
  return {stem, capabilities, Need::Optional, Rule::OwnVersion, soname};
}

// Source: "Installed Components" of the driver's README, and the lists of libnvidia-container
// (src/nvc_info.c), whose choice per capability images rely on; of nvidia-container-toolkit what
// else it gives (internal/discover/graphics.go, pkg/nvcdi). More than the former has it: gpucomp
// compiles shaders, too, and GBM's backend is a link to allocator.
constexpr std::array kTable = {
    LibraryRow{"libnvidia-ml.so", kUtility, Need::Essential},
    LibraryRow{"libnvidia-cfg.so", kUtility, Need::Expected},
    LibraryRow{"libnvidia-nscq.so", kUtility},
    LibraryRow{"libnvidia-sandboxutils.so", kUtility},

    LibraryRow{"libcuda.so", kCompute, Need::Essential},
    LibraryRow{"libcudadebugger.so", kCompute},
    LibraryRow{"libnvidia-opencl.so", kCompute, Need::Expected},
    LibraryRow{"libnvidia-gpucomp.so", kBoth},
    LibraryRow{"libnvidia-ptxjitcompiler.so", kCompute, Need::Expected},
    LibraryRow{"libnvidia-fatbinaryloader.so", kCompute},
    LibraryRow{"libnvidia-allocator.so", kBoth, Need::Expected},
    LibraryRow{"libnvidia-compiler.so", kCompute},
    LibraryRow{"libnvidia-pkcs11.so", kCompute},
    LibraryRow{"libnvidia-pkcs11-openssl3.so", kCompute},
    LibraryRow{"libnvidia-nvvm.so", kCompute},
    LibraryRow{"libnvidia-tileiras.so", kCompute},
    own_version("libnvidia-nvvm70.so", "libnvidia-nvvm70.so.4", kCompute),

    LibraryRow{"libvdpau_nvidia.so", kVideo},
    LibraryRow{"libnvidia-encode.so", kVideo, Need::Expected},
    LibraryRow{"libnvidia-opticalflow.so", kVideo, Need::Expected},
    LibraryRow{"libnvcuvid.so", kVideo, Need::Expected},

    LibraryRow{"libnvidia-eglcore.so", kGraphics, Need::Expected},
    LibraryRow{"libnvidia-glcore.so", kGraphics, Need::Expected},
    LibraryRow{"libnvidia-tls.so", kGraphics, Need::Expected, Rule::AbiNote},
    LibraryRow{"libnvidia-glsi.so", kGraphics, Need::Expected},
    LibraryRow{"libnvidia-fbc.so", kGraphics},
    LibraryRow{"libnvidia-ifr.so", kGraphics},
    LibraryRow{"libnvidia-rtcore.so", kGraphics},
    LibraryRow{"libnvoptix.so", kGraphics},
    LibraryRow{"libGLX_nvidia.so", kGraphics, Need::Optional, Rule::GlvndVendor},
    LibraryRow{"libEGL_nvidia.so", kGraphics, Need::Optional, Rule::GlvndVendor},
    LibraryRow{"libGLESv2_nvidia.so", kGraphics, Need::Optional, Rule::GlvndVendor},
    LibraryRow{"libGLESv1_CM_nvidia.so", kGraphics, Need::Optional, Rule::GlvndVendor},
    LibraryRow{"libnvidia-glvkspirv.so", kGraphics, Need::Expected},
    LibraryRow{"libnvidia-cbl.so", kGraphics},
    LibraryRow{"libnvidia-vulkan-producer.so", kGraphics},
    LibraryRow{"libnvidia-vksc-core.so", kGraphics},
    own_version("libnvidia-egl-gbm.so", "libnvidia-egl-gbm.so.1", kGraphics),
    own_version("libnvidia-egl-wayland.so", "libnvidia-egl-wayland.so.1", kGraphics),
    own_version("libnvidia-egl-wayland2.so", "libnvidia-egl-wayland2.so.1", kGraphics),
    own_version("libnvidia-egl-xcb.so", "libnvidia-egl-xcb.so.1", kGraphics),
    own_version("libnvidia-egl-xlib.so", "libnvidia-egl-xlib.so.1", kGraphics),
    LibraryRow{"libGL.so", kGraphics, Need::Optional, Rule::WithoutGlvnd},
    LibraryRow{"libEGL.so", kGraphics, Need::Optional, Rule::WithoutGlvnd},
    LibraryRow{"libGLESv1_CM.so", kGraphics, Need::Optional, Rule::WithoutGlvnd},
    LibraryRow{"libGLESv2.so", kGraphics, Need::Optional, Rule::WithoutGlvnd},

    LibraryRow{"libnvidia-ngx.so", kNgx, Need::Expected},
};

constexpr LibraryRow any_but_mesa(std::string_view stem, std::string_view soname) {
  return {stem, kGraphics, Need::Optional, Rule::AnyButMesa, soname};
}

// Source: nvidia-docker-plugin 1.0.1, "graphics, common names".
constexpr std::array kNeutral = {
    any_but_mesa("libGL.so", "libGL.so.1"),
    any_but_mesa("libEGL.so", "libEGL.so.1"),
    any_but_mesa("libGLESv1_CM.so", "libGLESv1_CM.so.1"),
    any_but_mesa("libGLESv2.so", "libGLESv2.so.2"),
    own_version("libGLX.so", "libGLX.so.0", kGraphics),
    own_version("libOpenGL.so", "libOpenGL.so.0", kGraphics),
    own_version("libGLdispatch.so", "libGLdispatch.so.0", kGraphics),
};

}  // namespace

std::span<const LibraryRow> neutral_table() { return kNeutral; }

std::span<const LibraryRow> library_table() { return kTable; }

}  // namespace nvhook::driver
