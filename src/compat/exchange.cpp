// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/exchange.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/byte_writer.hpp"
#include "support_text.hpp"

namespace nvhook::compat {
namespace {

constexpr std::size_t kMaxWhy = 512;  // bytes; an ELF file's troubles are told in 60

enum Kind : std::uint8_t { kNeed, kDamaged, kNoNote, kSupport };

std::unexpected<Error> damaged(std::string_view what) {
  return failure(ErrorId::Bug, "record of a " + std::string(what) + " is damaged");
}

void put_numbers(ByteWriter& out, const std::vector<std::uint32_t>& numbers) {
  out.put(static_cast<std::uint32_t>(numbers.size()));
  for (const auto number : numbers) out.put(number);
}

bool take_numbers(ByteReader& in, std::vector<std::uint32_t>& numbers) {
  const auto count = in.take<std::uint32_t>();
  if (!count || *count > kMaxNumbers) return false;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto number = in.take<std::uint32_t>();
    if (!number) return false;
    numbers.push_back(*number);
  }
  return true;
}

std::optional<Need> take_need(ByteReader& in, std::uint64_t file_size) {
  const auto offset = in.take<std::uint64_t>();
  const auto size = in.take<std::uint32_t>();
  if (!offset || !size || *size == 0 || *size > kMaxPiece) return std::nullopt;
  if (*offset > file_size || *size > file_size - *offset) return std::nullopt;
  return Need{*offset, *size};
}

std::optional<Damaged> take_damaged(ByteReader& in) {
  const auto why = in.take_text();
  if (!why || why->size() > kMaxWhy) return std::nullopt;
  const auto is_printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::ranges::all_of(*why, is_printable)) return std::nullopt;
  return Damaged{std::string(*why)};
}

std::optional<Examined> take_support(ByteReader& in) {
  Support support;
  const auto format = in.take<std::uint32_t>();
  const auto version = in.take_text();
  if (!format || !version || !is_cuda_version(*version)) return std::nullopt;
  support.format = *format;
  support.cuda_version = *version;
  if (!take_numbers(in, support.drivers) || !take_numbers(in, support.devices)) return std::nullopt;
  return Examined{std::move(support)};
}

std::optional<Finding> take_finding(ByteReader& in, std::uint64_t file_size) {
  const auto kind = in.take<std::uint8_t>();
  if (kind == kNeed) return take_need(in, file_size);
  if (kind == kDamaged) return take_damaged(in);
  if (kind == kNoNote) return Examined{};
  if (kind == kSupport) return take_support(in);
  return std::nullopt;
}

// One for each alternative.
void put(ByteWriter& out, const Need& need) {
  out.put(kNeed);
  out.put(need.offset);
  out.put(need.size);
}
void put(ByteWriter& out, const Damaged& finding) {
  out.put(kDamaged);
  out.text(std::string_view(finding.why).substr(0, kMaxWhy));
}
void put(ByteWriter& out, const Examined& finding) {
  out.put(finding.support ? kSupport : kNoNote);
  if (!finding.support) return;
  out.put(finding.support->format);
  out.text(finding.support->cuda_version);
  put_numbers(out, finding.support->drivers);
  put_numbers(out, finding.support->devices);
}

}  // namespace

std::string encode(const Excerpt& file) {
  ByteWriter out;
  out.put(file.file_size);
  out.put(static_cast<std::uint32_t>(file.pieces.size()));
  for (const auto& piece : file.pieces) {
    out.put(piece.offset);
    out.text(piece.bytes);
  }
  return std::move(out).take();
}

std::string encode(const Finding& finding) {
  ByteWriter out;
  std::visit([&out](const auto& alternative) { put(out, alternative); }, finding);
  return std::move(out).take();
}

Result<Excerpt> decode_excerpt(std::string_view question) {
  ByteReader in(bytes_of(question));
  Excerpt file;
  const auto file_size = in.take<std::uint64_t>();
  const auto count = in.take<std::uint32_t>();
  if (!file_size || !count || *count > kMaxPieces) return damaged("question");
  file.file_size = *file_size;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto offset = in.take<std::uint64_t>();
    const auto bytes = in.take_text();
    if (!offset || !bytes || bytes->size() > kMaxPiece) return damaged("question");
    if (*offset > file.file_size || bytes->size() > file.file_size - *offset)
      return damaged("question");
    file.pieces.push_back({*offset, *bytes});
  }
  if (in.remaining() != 0) return damaged("question");
  return file;
}

Result<Finding> decode_finding(std::string_view record, std::uint64_t file_size) {
  ByteReader in(bytes_of(record));
  auto finding = take_finding(in, file_size);
  if (!finding || in.remaining() != 0) return damaged("finding");
  return *std::move(finding);
}

Result<std::string> answer(std::string_view question) {
  const auto file = decode_excerpt(question);
  if (!file) return std::unexpected(file.error());
  return encode(examine(*file));
}

}  // namespace nvhook::compat
