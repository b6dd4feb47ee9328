// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// Which driver and which GPUs these are, without looking for any file of the driver's.
struct Identity {
  std::string version;    // of the loaded kernel module
  std::vector<Gpu> gpus;  // in PCI order, without nodes
};

// What of discover() costs nothing: a few files of /proc and /sys. Fails with E_DRIVER_ABSENT,
// E_DRIVER_READ.
[[nodiscard]] Result<Identity> identify(const Where& where);

}  // namespace nvhook::driver
