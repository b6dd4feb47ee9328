// SPDX-License-Identifier: Apache-2.0
#include "nvhook/ldcache/question.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/byte_writer.hpp"
#include "nvhook/ldcache/musl_path.hpp"

namespace nvhook::ldcache {
namespace {

constexpr std::string_view kGenerator = "nvhook";

struct Asked {
  FileKind kind = FileKind::Cache;
  std::vector<Library> ours;
  std::string_view present;
};

std::optional<Asked> decode(std::string_view question) {
  ByteReader in(bytes_of(question));
  Asked asked;
  const auto kind = in.take<FileKind>();
  const auto count = in.take<std::uint32_t>();
  if (!kind || *kind > FileKind::MuslPath || !count || *count > kMaxEntries) return std::nullopt;
  asked.kind = *kind;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto name = in.take_text();
    const auto path = in.take_text();
    const auto abi = in.take<Abi>();
    if (!name || !path || !abi || !path->starts_with('/')) return std::nullopt;
    asked.ours.push_back({*name, *path, *abi});
  }
  const auto present = in.take_text();
  if (!present || in.remaining() != 0) return std::nullopt;
  asked.present = *present;
  return asked;
}

std::string extended(const Asked& asked) {
  std::vector<std::string_view> directories;
  for (const auto& library : asked.ours) {
    const auto directory = library.path.substr(0, library.path.rfind('/'));
    if (std::ranges::find(directories, directory) == directories.end())
      directories.push_back(directory);
  }
  return extend_musl_path(asked.present, directories);
}

}  // namespace

std::string ask(FileKind kind, std::span<const Library> ours, std::string_view present) {
  ByteWriter out;
  out.put(kind);
  out.put(static_cast<std::uint32_t>(ours.size()));
  for (const auto& library : ours) {
    out.text(library.name);
    out.text(library.path);
    out.put(library.abi);
  }
  out.text(present);
  return std::move(out).take();
}

Result<std::string> answer(std::string_view question) {
  const auto asked = decode(question);
  if (!asked) return failure(ErrorId::Bug, "a question about a loader's file that nobody asks");
  if (asked->kind == FileKind::MuslPath) return extended(*asked);
  return merge(bytes_of(asked->present), asked->ours, kGenerator);
}

}  // namespace nvhook::ldcache
