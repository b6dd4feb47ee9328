// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nvhook/compat/exchange.hpp"

namespace {

using namespace nvhook::compat;

// Each piece as it is asked for, across the forms in which it crosses between processes.
Finding piece_by_piece(std::string_view file) {
  Excerpt excerpt{.file_size = file.size(), .pieces = {}};
  for (;;) {
    auto finding = examine(excerpt);
    const auto decoded = decode_finding(encode(finding), file.size());
    if (!decoded || *decoded != finding) std::abort();
    const auto* need = std::get_if<Need>(&finding);
    if (need == nullptr) return finding;
    // A name of each section of notes, elsewhere each, and the tables.
    if (excerpt.pieces.size() == 1000) std::abort();
    for (const auto& piece : excerpt.pieces)
      if (piece.offset <= need->offset &&
          need->offset + need->size <= piece.offset + piece.bytes.size())
        std::abort();
    excerpt.pieces.push_back({need->offset, file.substr(need->offset, need->size)});
  }
}

}  // namespace

// Beyond "does not crash": the same is found piece by piece as in the whole, no piece is asked for
// twice, and what is decoded is encoded the same way.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = examine({.file_size = input.size(), .pieces = {{0, input}}});
  if (std::holds_alternative<Need>(whole)) std::abort();
  if (piece_by_piece(input) != whole) std::abort();

  constexpr std::uint64_t kFileSize = 1U << 20U;
  const auto finding = decode_finding(input, kFileSize);
  if (finding && encode(*finding) != input) std::abort();
  const auto excerpt = decode_excerpt(input);
  if (!excerpt) return 0;
  if (encode(*excerpt) != input) std::abort();
  (void)examine(*excerpt);
  return 0;
}
