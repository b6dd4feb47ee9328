// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nvhook::test {

// Whether programs are built with the address sanitizer, which maps terabytes, has a loader, and
// makes calls of its own: what is said of memory, descriptors and the number of calls holds for
// what ships.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace nvhook::test
