// SPDX-License-Identifier: Apache-2.0
#include "support/cache_image.hpp"

#include <string_view>
#include <utility>

#include "nvhook/base/byte_writer.hpp"

namespace nvhook::test {
namespace {

void put_text(ByteWriter& out, std::string_view text) {
  for (const char c : text) out.put(c);
}

std::uint32_t size32(std::string_view text) { return static_cast<std::uint32_t>(text.size()); }

std::string old_block(std::uint32_t count, std::size_t align) {
  ByteWriter out;
  put_text(out, std::string_view("ld.so-1.7.0\0", 12));
  out.put(count);
  for (std::uint32_t i = 0; i < count * 3; ++i) out.put(std::uint32_t{0});
  auto block = std::move(out).take();
  block.resize((block.size() + align - 1) / align * align);
  return block;
}

}  // namespace

std::string CacheImage::bytes() const {
  const auto front = old_entries ? old_block(*old_entries, align) : std::string();
  const auto table_at = static_cast<std::uint32_t>(48 + 24 * entries.size());

  ByteWriter raw;
  std::string strings;
  const auto intern = [&](const std::string& text) {
    const auto at = table_at + size32(strings);
    strings += text;
    strings += '\0';
    return at;
  };
  for (const auto& entry : entries) {
    raw.put(entry.flags);
    raw.put(intern(entry.name));
    raw.put(intern(entry.path));
    raw.put(std::uint32_t{0});
    raw.put(entry.hwcap);
  }

  auto padded_strings = strings;
  const auto before = front.size() + table_at;
  padded_strings.resize((before + strings.size() + 3) / 4 * 4 - before);
  const auto extensions_at = static_cast<std::uint32_t>(before + padded_strings.size());

  ByteWriter out;
  put_text(out, front);
  put_text(out, "glibc-ld.so.cache1.1");
  out.put(static_cast<std::uint32_t>(entries.size()));
  out.put(size32(strings));
  out.put(std::uint32_t{byte_order});
  out.put(extensions.empty() ? 0U : extensions_at);
  for (int i = 0; i < 3; ++i) out.put(std::uint32_t{0});
  put_text(out, std::move(raw).take());
  put_text(out, extensions.empty() ? strings : padded_strings);
  if (extensions.empty()) return std::move(out).take();

  const auto count = static_cast<std::uint32_t>(extensions.size());
  out.put(std::uint32_t{0xeaa42174});
  out.put(count);
  auto at = extensions_at + 8 + 16 * count;
  for (const auto& extension : extensions) {
    out.put(extension.tag);
    out.put(std::uint32_t{0});
    out.put(at);
    out.put(size32(extension.bytes));
    at += size32(extension.bytes);
  }
  for (const auto& extension : extensions) put_text(out, extension.bytes);
  return std::move(out).take();
}

}  // namespace nvhook::test
