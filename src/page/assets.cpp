// SPDX-License-Identifier: Apache-2.0
#include "nvhook/page/assets.hpp"

#include <array>

#include "texts.hpp"  // made of the files beside it by embed.cmake

namespace nvhook::page {

std::span<const Asset> assets() {
  static constexpr std::array kAssets = {
      Asset{"/", "text/html; charset=utf-8", kIndexHtml},
      Asset{"/page.css", "text/css; charset=utf-8", kPageCss},
      Asset{"/page.js", "text/javascript; charset=utf-8", kPageJs},
      Asset{"/cards.js", "text/javascript; charset=utf-8", kCardsJs},
      Asset{"/charts.js", "text/javascript; charset=utf-8", kChartsJs},
      Asset{"/values.js", "text/javascript; charset=utf-8", kValuesJs},
  };
  return kAssets;
}

}  // namespace nvhook::page
