// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include "nvhook/base/path.hpp"

namespace nvhook {

// For GoogleTest, which would print the bytes of a path's object, padding included.
template <class Side>
void PrintTo(const PathOn<Side>& path, std::ostream* out) {
  *out << path.value;
}

}  // namespace nvhook
