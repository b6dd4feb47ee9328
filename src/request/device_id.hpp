// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::request {

// What one item of a list names: an index "0", a UUID "GPU-..." or its beginning, a PCI address, a
// MIG device "0:1", "MIG-<uuid>" or "MIG-GPU-<uuid>/<instance>/<instance>". `where` it stands and
// which `words` might stand there as well are for messages. Fails with E_REQ_DEVICE.
[[nodiscard]] Result<GpuId> parse_device(std::string_view where, std::string_view words,
                                         std::string_view item);

// "all", in any case: it reached the driver's own tool in any case.
[[nodiscard]] bool means_all(std::string_view item);

}  // namespace nvhook::request
