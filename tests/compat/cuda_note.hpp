// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nvhook::test {

// The text in libcuda.so.575.57.08, which has a NUL behind it.
inline constexpr std::string_view kSupport575 =
    R"({"format":1,"CUDA version":"12.9","driver":[535,550,560,565,570,575],)"
    R"("device":[1,2,7,8,9,10,11,12,13,14]})";

// A note as its section has it. The name is padded to `align`, the text to nothing.
struct CudaNote {
  std::string text = std::string(kSupport575) + '\0';
  std::string owner = "NVIDIA Corporation";  // without its NUL
  std::size_t align = 4;
  std::uint32_t missing = 0;  // so many bytes more than there are, the text is said to have

  [[nodiscard]] std::string bytes() const;
};

// A libcuda of this machine that says so.
[[nodiscard]] std::string libcuda_with(const CudaNote& note);
// One that says nothing.
[[nodiscard]] std::string mute_library();

}  // namespace nvhook::test
