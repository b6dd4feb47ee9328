// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nvhook::sandbox {

// Whether this is a build whose processes make system calls, and need memory and files, that no
// line of ours asks for: address and leak sanitizer, gcov (which no macro tells of).
#if defined(__SANITIZE_ADDRESS__) || defined(NVHOOK_COVERAGE)
inline constexpr bool kInstrumented = true;
#elif defined(__has_feature)
inline constexpr bool kInstrumented = __has_feature(address_sanitizer);
#else
inline constexpr bool kInstrumented = false;
#endif

}  // namespace nvhook::sandbox
