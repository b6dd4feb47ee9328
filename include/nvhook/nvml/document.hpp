// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/nvml/nvml.hpp"

// The document nvhook.nvml/1 that nvhook-nvml prints: docs/nvml.md.
namespace nvhook::nvml {

inline constexpr std::size_t kMaxDocument = std::size_t{1} << 20U;  // bytes; 16 GPUs have 40,000

// One line of JSON and its end.
[[nodiscard]] std::string to_json(const Nvml& nvml);

// Reads it with distrust, for vendor code has been at work where it comes from: bounded in size,
// depth, the length of lists and of texts; a key that is missing, or of another type, is an error,
// one that we do not know is skipped. Fails with E_NVML_ANSWER.
[[nodiscard]] Result<Nvml> parse(std::string_view text);

}  // namespace nvhook::nvml
