// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "nvhook/oci/config.hpp"

namespace nvhook::oci {

// Counts what is kept of one document, whoever hands it out: kMaxKept bytes of text and of elements
// of lists. A list of empty strings takes ten times the room of its text.
class Room {
 public:
  // Whether so many bytes more may be kept.
  [[nodiscard]] bool take(std::size_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }

 private:
  std::size_t left_ = kMaxKept;
};

}  // namespace nvhook::oci
