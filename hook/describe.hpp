// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/driver/driver.hpp"
#include "nvhook/plan/print.hpp"

// What nvhook info and nvhook list print.
namespace nvhook {

// Version, CUDA version and GPUs, with what NVML says of them where that was added. The JSON form
// is nvhook.info/1: docs/host.md.
[[nodiscard]] std::string driver_to_text(const driver::Driver& driver, plan::Style style);
[[nodiscard]] std::string driver_to_json(const driver::Driver& driver);

// Libraries, programs and nodes, with the capabilities that bring each, and what is left out. The
// JSON form is nvhook.list/1.
[[nodiscard]] std::string files_to_text(const driver::Driver& driver, plan::Style style);
[[nodiscard]] std::string files_to_json(const driver::Driver& driver);

}  // namespace nvhook
