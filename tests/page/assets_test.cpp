// SPDX-License-Identifier: Apache-2.0
#include "nvhook/page/assets.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace nvhook::page {
namespace {

std::string source(std::string_view name) {
  std::ifstream file(std::string(NVHOOK_SOURCE_DIR "/src/page/").append(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Empty where there is none.
std::string_view body_at(std::string_view path) {
  const auto asset = std::ranges::find(assets(), path, &Asset::path);
  return asset == assets().end() ? std::string_view() : asset->body;
}

TEST(PageAssets, AreTheFilesByteForByte) {
  EXPECT_EQ(body_at("/"), source("index.html"));
  for (const std::string_view name :
       {"page.css", "page.js", "cards.js", "charts.js", "values.js"}) {
    EXPECT_EQ(body_at(std::string("/").append(name)), source(name)) << name;
  }
  for (const Asset& asset : assets()) {
    EXPECT_GT(asset.body.size(), 500U) << asset.path;
  }
}

TEST(PageAssets, BeginWithThePageAndSayTheirEncoding) {
  ASSERT_FALSE(assets().empty());
  EXPECT_EQ(assets().front().path, "/");
  EXPECT_EQ(assets().front().type, "text/html; charset=utf-8");
  for (const Asset& asset : assets()) {
    EXPECT_THAT(asset.type, testing::EndsWith("; charset=utf-8")) << asset.path;
  }
}

// What a browser would refuse by kContentPolicy, and what it would ask others for.
TEST(PageAssets, HaveNothingInlineAndNothingFromElsewhere) {
  for (const Asset& asset : assets()) {
    for (const std::string_view forbidden :
         {"http://", "https://", " style=", "<style",
          " onclick=", " onload=", " onerror=", "javascript:", "@import", "url(", "innerHTML",
          "outerHTML", "insertAdjacentHTML", "document.write", "eval("}) {
      // The name of a namespace, which nobody asks for.
      std::string text(asset.body);
      for (auto at = text.find("http://www.w3.org/2000/svg"); at != std::string::npos;
           at = text.find("http://www.w3.org/2000/svg")) {
        text.erase(at, 7);
      }
      EXPECT_EQ(text.find(forbidden), std::string::npos) << asset.path << ": " << forbidden;
    }
  }
}

}  // namespace
}  // namespace nvhook::page
