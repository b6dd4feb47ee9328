// SPDX-License-Identifier: Apache-2.0
#include "volumes/manifest.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

namespace nvhook::volumes {
namespace {

constexpr std::string_view kSchema = "nvhook.volume/1";
constexpr std::string_view kEnd = "end";
constexpr mode_t kPermissions = 07777;

using Fields = std::span<const std::string_view>;

bool is_plain(std::string_view name) {
  return !name.empty() && std::ranges::none_of(name, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < ' ' || byte == 0x7f;
  });
}

// A name of one component.
bool is_name(std::string_view name) {
  return is_plain(name) && name.size() <= kMaxName && !name.contains('/') && name != "." &&
         name != "..";
}

std::string_view name_of(Way way) { return way == Way::Linked ? "linked" : "copied"; }

std::optional<Way> way_named(std::string_view name) {
  for (const auto way : {Way::Linked, Way::Copied})
    if (name == name_of(way)) return way;
  return std::nullopt;
}

std::optional<Folder> folder_named(std::string_view name) {
  for (const auto folder : {Folder::Bin, Folder::Lib, Folder::Lib64})
    if (name == volumes::name_of(folder)) return folder;
  return std::nullopt;
}

template <class Number>
bool take(std::string_view text, Number& to) {
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, to);
  return read.ec == std::errc() && read.ptr == end;
}

// The fields of a line; none for a line of more than `most`.
std::vector<std::string_view> fields_of(std::string_view line, std::size_t most) {
  std::vector<std::string_view> fields;
  for (;;) {
    const auto tab = line.find('\t');
    fields.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    if (fields.size() == most) return {};
    line.remove_prefix(tab + 1);
  }
}

std::optional<Kept> file_in(Fields fields) {
  constexpr std::size_t kFields = 9;
  if (fields.size() != kFields || !is_name(fields[2])) return std::nullopt;
  const auto way = way_named(fields[0]);
  const auto folder = folder_named(fields[1]);
  auto source = HostPath::parse(fields[8]);
  Kept kept;
  auto& origin = kept.origin;
  if (!way || !folder || !source || !take(fields[3], origin.inode) ||
      !take(fields[4], origin.size) || !take(fields[5], origin.seconds) ||
      !take(fields[6], origin.nanoseconds) || !take(fields[7], origin.mode))
    return std::nullopt;
  kept.way = *way;
  kept.file = {
      .source = *std::move(source), .folder = *folder, .name = std::string(fields[2]), .links = {}};
  return kept;
}

// Adds the link to the file that it leads to, which came before. False if it is none.
bool add_link(Fields fields, std::vector<Kept>& files) {
  constexpr std::size_t kFields = 4;
  if (fields.size() != kFields || fields[0] != "link" || !is_name(fields[2])) return false;
  const auto folder = folder_named(fields[1]);
  if (!folder || files.empty()) return false;
  auto& file = files.back().file;
  if (file.folder != *folder || file.name != fields[3]) return false;
  file.links.emplace_back(fields[2]);
  return true;
}

std::unexpected<Error> wrong(std::string_view what) {
  return failure(ErrorId::Store, "the list of a volume's files " + std::string(what));
}

}  // namespace

Origin origin_of(const struct stat& status) {
  return {.inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .seconds = status.st_mtim.tv_sec,
          .nanoseconds = status.st_mtim.tv_nsec,
          .mode = status.st_mode & kPermissions};
}

Result<std::string> to_text(const Manifest& manifest) {
  auto text = std::string(kSchema) + '\t' + manifest.version + '\n';
  for (const auto& [file, origin, way] : manifest.files) {
    const auto folder = std::string(volumes::name_of(file.folder));
    text += std::string(name_of(way)) + '\t' + folder + '\t' + file.name + '\t' +
            std::to_string(origin.inode) + '\t' + std::to_string(origin.size) + '\t' +
            std::to_string(origin.seconds) + '\t' + std::to_string(origin.nanoseconds) + '\t' +
            std::to_string(origin.mode) + '\t' + file.source.value + '\n';
    for (const auto& link : file.links)
      text += "link\t" + folder + '\t' + link + '\t' + file.name + '\n';
  }
  text += std::string(kEnd) + '\n';
  // Whatever a name may have in it that does not come back as it was.
  const auto back = parse_manifest(text);
  if (!back || *back != manifest) return wrong("would not be plain text");
  return text;
}

Result<Manifest> parse_manifest(std::string_view text) {
  constexpr std::size_t kMostFields = 9;
  if (text.size() > kMaxManifestBytes) return wrong("is too long");
  Manifest manifest;
  bool begun = false;
  for (;;) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return wrong("has no end");
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (begun && line == kEnd) break;
    const auto fields = fields_of(line, kMostFields);
    if (!begun) {
      if (fields.size() != 2 || fields[0] != kSchema) return wrong("is of an unknown form");
      manifest.version = fields[1];
      begun = true;
    } else if (auto file = file_in(fields)) {
      manifest.files.push_back(*std::move(file));
    } else if (!add_link(fields, manifest.files)) {
      return wrong("has a line that makes no sense");
    }
  }
  if (!text.empty()) return wrong("goes on behind its end");
  return manifest;
}

}  // namespace nvhook::volumes
