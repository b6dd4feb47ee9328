// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "reading.hpp"

namespace nvhook::request {

struct Selection {
  std::vector<std::string> devices;
  GpuSelection gpus;
  Source source = Source::Environment;
};

// Which GPUs and MIG devices are asked for, and where. Fails with E_REQ_DEVICE.
[[nodiscard]] Result<std::variant<NothingAsked, Selection>> parse_devices(Reading& reading);

}  // namespace nvhook::request
