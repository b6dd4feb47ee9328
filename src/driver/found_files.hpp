// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

struct FoundFiles {
  std::vector<File> files;
  std::vector<Omitted> omitted;
  std::vector<Warning> warnings;
};

}  // namespace nvhook::driver
