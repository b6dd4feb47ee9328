// SPDX-License-Identifier: Apache-2.0
#include "write.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "format.hpp"

namespace nvhook::ldcache {
namespace {

constexpr std::uint32_t kGeneratorTag = 0;
constexpr std::uint32_t kHwcapsTag = 1;
constexpr std::size_t kExtensionAlignment = 4;

std::uint32_t size32(std::size_t size) { return static_cast<std::uint32_t>(size); }

template <class T>
void append(std::string& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// The string table, and where in the new part its strings are.
class Strings {
 public:
  explicit Strings(std::size_t table_at) : table_at_(table_at) {}

  // Of entries that share a string, as hostile caches may have it, it stays one.
  std::uint32_t add(std::string_view text) {
    const auto [known, is_new] = positions_.try_emplace(text, size32(table_at_ + table_.size()));
    if (is_new) {
      table_ += text;
      table_ += '\0';
    }
    return known->second;
  }
  [[nodiscard]] const std::string& table() const { return table_; }

 private:
  std::size_t table_at_;
  std::string table_;
  std::unordered_map<std::string_view, std::uint32_t> positions_;
};

RawEntry raw_of(const Entry& entry, Strings& strings) {
  RawEntry raw{.flags = entry.flags,
               .name = 0,
               .path = strings.add(entry.path),
               .os_version = entry.os_version,
               .hwcap = entry.hwcap};
  // Mostly the path ends in the name.
  raw.name = entry.path.ends_with(entry.name)
                 ? raw.path + size32(entry.path.size() - entry.name.size())
                 : strings.add(entry.name);
  return raw;
}

Header header_of(const Contents& contents, std::size_t strings_size, std::size_t extensions_at) {
  Header header{};
  kNewMagic.copy(header.magic.data(), header.magic.size());
  header.count = size32(contents.entries.size());
  header.strings_size = size32(strings_size);
  header.byte_order = kOrderLittle;
  header.extensions_at = size32(extensions_at);
  return header;
}

void append_old_block(std::string& out) {
  OldHeader header{};
  kOldMagic.copy(header.magic.data(), header.magic.size());
  append(out, header);  // 16 bytes: what follows is aligned
}

// The positions of folders' names come first: they must be aligned.
void append_extensions(std::string& out, const std::vector<std::uint32_t>& folders,
                       std::string_view generator) {
  const std::uint32_t count = folders.empty() ? 1 : 2;
  append(out, kExtensionMagic);
  append(out, count);
  const auto folders_at = size32(out.size() + count * sizeof(RawExtension));
  const auto folders_size = size32(folders.size() * sizeof(std::uint32_t));
  append(out, RawExtension{kGeneratorTag, 0, folders_at + folders_size, size32(generator.size())});
  if (!folders.empty()) append(out, RawExtension{kHwcapsTag, 0, folders_at, folders_size});
  for (const auto position : folders) append(out, position);
  out += generator;
}

}  // namespace

std::string write(const Contents& contents) {
  Strings strings(sizeof(Header) + contents.entries.size() * sizeof(RawEntry));
  std::string entries;
  for (const auto& entry : contents.entries) {
    append(entries, raw_of(entry, strings));
    if (strings.table().size() > kMaxCacheBytes) return {};  // hostile strings share their bytes
  }
  std::vector<std::uint32_t> folders;
  for (const auto folder : contents.folders) folders.push_back(strings.add(folder));

  std::string out;
  if (contents.layout == Layout::OldAndNew) append_old_block(out);
  const auto strings_end = out.size() + sizeof(Header) + entries.size() + strings.table().size();
  const auto extensions_at =
      (strings_end + kExtensionAlignment - 1) / kExtensionAlignment * kExtensionAlignment;
  append(out, header_of(contents, strings.table().size(), extensions_at));
  out += entries;
  out += strings.table();
  out.resize(extensions_at);
  append_extensions(out, folders, contents.generator);
  return out;
}

}  // namespace nvhook::ldcache
