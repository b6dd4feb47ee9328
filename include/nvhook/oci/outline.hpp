// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nvhook::oci {

// What can be said about a JSON text by walking over its bytes once, without memory and without
// parsing it: enough to find the bundle and to leave a container alone that asks for no GPU.
// Nothing is trusted on this ground; whoever goes on parses the text and compares.

// Whether the text could be one whole JSON object: it begins with "{", every string, array and
// object is closed, none deeper than 64, and nothing but blanks follows. Text for which this is
// false will not parse.
[[nodiscard]] bool looks_whole(std::string_view json);

// The value of the member `key` of the outermost object, if it is a string and neither it nor
// a key beside it has an escape;
// nothing otherwise, if the key repeats, and for text that does not look whole. The view borrows
// from `json`.
[[nodiscard]] std::optional<std::string_view> find_member(std::string_view json,
                                                          std::string_view key);

// Likewise its value if it is a positive integer that fits, written without sign, fraction and
// exponent.
[[nodiscard]] std::optional<std::uint32_t> find_number(std::string_view json, std::string_view key);

// Whether config.json may ask for a GPU: one of the request's words occurs in it ("NVIDIA_",
// "CUDA_VERSION", "nvidia-container-devices") or one of `more_names`, or an escape that could hide
// one.
[[nodiscard]] bool mentions_gpu(std::string_view config_json,
                                std::span<const std::string> more_names = {});

}  // namespace nvhook::oci
