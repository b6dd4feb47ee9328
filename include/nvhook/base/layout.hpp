// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nvhook {

// Where the driver's files go in a container.
enum class Layout : std::uint8_t {
  System,  // each into the directory where the image has its own
  Tree,    // all into one directory of ours
};

}  // namespace nvhook
