// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace nvhook::oci {

// Whether one of the words by which GPUs are asked for occurs in the text: "NVIDIA_",
// "CUDA_VERSION", "nvidia-container-devices".
[[nodiscard]] bool has_gpu_word(std::string_view text);

}  // namespace nvhook::oci
