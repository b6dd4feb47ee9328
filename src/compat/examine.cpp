// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/examine.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/elf/elf.hpp"
#include "support_text.hpp"

namespace nvhook::compat {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::string_view kSection = ".note.cuda.fwd_compatibility";
constexpr std::string_view kOwner = "NVIDIA Corporation";
constexpr std::uint64_t kPage = 4096;  // what lies near is asked for as well: fewer rounds

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view without_nuls(std::string_view text) {
  const auto first = text.find_first_not_of('\0');
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of('\0') - first + 1);
}

// Reads from the excerpt, and remembers the first piece that is missing.
class ExcerptReader {
 public:
  explicit ExcerptReader(const Excerpt& file) : file_(file) {}

  std::optional<Bytes> operator()(std::uint64_t offset, std::size_t size) {
    if (offset > file_.file_size || size > file_.file_size - offset) return std::nullopt;
    if (size == 0) return Bytes();
    for (const auto& piece : file_.pieces) {
      if (offset < piece.offset || offset - piece.offset > piece.bytes.size()) continue;
      const auto at = static_cast<std::size_t>(offset - piece.offset);
      if (size <= piece.bytes.size() - at) return bytes_of(piece.bytes).subspan(at, size);
    }
    if (!missing_) missing_ = around(offset, size);
    return std::nullopt;
  }

  [[nodiscard]] const std::optional<Finding>& missing() const { return missing_; }

 private:
  [[nodiscard]] Finding around(std::uint64_t offset, std::size_t size) const {
    if (size > kMaxPiece) return Damaged{"its tables are too long"};
    const auto start = offset / kPage * kPage;
    const auto pages = (offset - start + size + kPage - 1) / kPage * kPage;
    const auto whole = std::min(pages, file_.file_size - start);
    if (whole > kMaxPiece) return Need{offset, static_cast<std::uint32_t>(size)};
    return Need{start, static_cast<std::uint32_t>(whole)};
  }

  const Excerpt& file_;
  std::optional<Finding> missing_;
};

Finding read_support(std::string_view text) {
  auto support = parse_support(without_nuls(text));
  if (!support) return Damaged{std::move(support).error()};
  return Examined{*std::move(support)};
}

// The only note of its section. Between name and text are NULs, to one alignment or another, and
// the text may be said to be longer than the section, as that of the Orin's libcuda of CUDA 13.2
// is. NVIDIA's own reader cuts both the same way.
Finding read_section(Bytes section) {
  struct Header {
    std::uint32_t name_size, text_size, type;
  };
  const auto header = ByteReader(section).take<Header>();
  if (!header) return Damaged{"its note is shorter than its header"};
  auto rest = text_of(section).substr(sizeof(Header));
  if (header->name_size > rest.size()) return Damaged{"its note is shorter than its name"};
  if (without_nuls(rest.substr(0, header->name_size)) != kOwner)
    return Damaged{"its note has another owner"};
  rest.remove_prefix(header->name_size);
  rest.remove_prefix(std::min(rest.find_first_not_of('\0'), rest.size()));
  return read_support(rest.substr(0, header->text_size));
}

Finding search(ExcerptReader& reader) {
  const elf::ReadAt read_at = [&reader](std::uint64_t offset, std::size_t size) {
    return reader(offset, size);
  };
  const auto section = elf::find_note_section(read_at, kSection);
  if (!section) return Damaged{section.error().message()};
  if (*section) return read_section(**section);

  // Whoever takes the sections away leaves what is loaded.
  const auto notes = elf::notes_of_segments(read_at);
  if (!notes) return Damaged{notes.error().message()};
  for (const auto& note : *notes)
    if (note.name == kOwner && without_nuls(text_of(note.description)).starts_with('{'))
      return read_support(text_of(note.description));
  return Examined{};
}

}  // namespace

Finding examine(const Excerpt& file) {
  ExcerptReader reader(file);
  auto finding = search(reader);
  return reader.missing() ? *reader.missing() : finding;
}

}  // namespace nvhook::compat
