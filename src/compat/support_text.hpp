// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "nvhook/compat/examine.hpp"

namespace nvhook::compat {

// Reads the text of the note:
//   {"format":1,"CUDA version":"12.9","driver":[535,550],"device":[1,2,7]}
// Keys count whatever their case, as for the reader of NVIDIA's own hook (Go's encoding/json);
// other keys are passed over, and each of these may be missing. What is no such JSON, repeats a
// key, or has more than the limits of Support allow is refused: the text says why, in printable
// ASCII.
[[nodiscard]] std::expected<Support, std::string> parse_support(std::string_view text);

// Whether it is a version as Support has it: digits and dots, kMaxCudaVersion of them at most.
[[nodiscard]] bool is_cuda_version(std::string_view text);

}  // namespace nvhook::compat
