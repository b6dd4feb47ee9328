// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

// The status page for people: the files of src/page, inside the program.
namespace nvhook::page {

// One of the page's files. The views live as long as the program.
struct Asset {
  std::string_view path;  // to be answered at, "/page.css"
  std::string_view type;  // for Content-Type
  std::string_view body;  // UTF-8
};

// The page itself, at "/", then what it loads.
[[nodiscard]] std::span<const Asset> assets();

// The Content-Security-Policy to answer them with. The page has no script or style within its text,
// loads nothing from elsewhere, and asks this server only; its icon is a data: URL.
inline constexpr std::string_view kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace nvhook::page
