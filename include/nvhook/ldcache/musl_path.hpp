// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nvhook::ldcache {

// The text of musl's list of directories, /etc/ld-musl-<arch>.path, with these behind those that it
// has: separated by newlines or colons. `present` is its text as it is, hostile or not. Where there
// is none, musl looks into directories of its own, which a list takes the place of: they are in the
// new one. Source: musl, ldso/dynlink.c, load_library.
[[nodiscard]] std::string extend_musl_path(std::string_view present,
                                           std::span<const std::string_view> directories);

}  // namespace nvhook::ldcache
