// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/driver/discover.hpp"

namespace nvhook::companion {

// Sees to it that the kernel module of unified memory is loaded and its nodes are there, which
// every program of CUDA needs: where /dev/nvidia-uvm is missing, nvidia-modprobe of this host is
// run. Not where the driver is below a root of its own: its programs are not this host's. Fails
// with E_NODE_MISSING.
[[nodiscard]] Result<void> load_uvm(const driver::Where& where);

}  // namespace nvhook::companion
