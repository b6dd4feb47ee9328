# SPDX-License-Identifier: Apache-2.0
# cmake -D OUTPUT=<header> -D SOURCE=<folder> -P embed.cmake
#
# Writes a header that has the page's files as constants, byte for byte.
set(text "// Made by embed.cmake.
#pragma once
#include <string_view>
namespace nvhook::page {
")
set(files index.html page.css page.js cards.js charts.js values.js)
set(names kIndexHtml kPageCss kPageJs kCardsJs kChartsJs kValuesJs)
foreach(file name IN ZIP_LISTS files names)
  file(READ ${SOURCE}/${file} body)
  string(FIND "${body}" ")page\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${SOURCE}/${file}: )page\" would end the literal that it is put into")
  endif()
  string(APPEND text "inline constexpr std::string_view ${name} = R\"page(${body})page\";\n")
endforeach()
string(APPEND text "}  // namespace nvhook::page\n")
file(WRITE ${OUTPUT} "${text}")
