// SPDX-License-Identifier: Apache-2.0
#include "volumes/layout.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "volumes/trouble.hpp"

namespace nvhook::volumes {
namespace {

constexpr std::string_view kOwn = ".nvhook";
constexpr mode_t kVolumesMode = 0755;
constexpr mode_t kOwnMode = 0700;

struct StageName {
  Stage stage;
  std::string_view prefix;
};
constexpr std::array kStages = {StageName{Stage::List, "files-"}, StageName{Stage::New, "new-"},
                                StageName{Stage::Old, "old-"}, StageName{Stage::Left, "left-"}};

Result<std::optional<struct stat>> status_at(int directory, const std::string& name) {
  struct stat status {};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status;
  if (errno == ENOENT) return std::nullopt;
  return trouble("stat " + quote(name));
}

}  // namespace

Result<Rooms> open_rooms(const std::string& path, Missing missing) {
  auto root = open_safe(path, missing);
  if (!root) return std::unexpected(std::move(root).error());
  auto volumes = open_safe_at(root->get(), std::string(kKind), missing, kVolumesMode);
  if (!volumes) return failed_to(quote(path), std::move(volumes));
  auto own = open_safe_at(root->get(), std::string(kOwn), missing, kOwnMode);
  if (!own) return failed_to(quote(path), std::move(own));
  return Rooms{.root = *std::move(root), .volumes = *std::move(volumes), .own = *std::move(own)};
}

Result<void> check_rooms(const std::string& path) {
  const auto is_missing = [](const Error& error) {
    return error.code() == std::errc::no_such_file_or_directory;
  };
  const auto root = open_safe(path, Missing::Fail);
  if (!root && is_missing(root.error())) return {};
  if (!root) return std::unexpected(root.error());
  for (const std::string_view name : {kKind, kOwn}) {
    auto room = open_safe_at(root->get(), std::string(name), Missing::Fail, kOwnMode);
    if (!room && !is_missing(room.error())) return failed_to(quote(path), std::move(room));
  }
  return {};
}

Result<std::optional<UniqueFd>> open_volumes(const std::string& path) {
  auto root = open_safe(path, Missing::Fail);
  auto volumes = root ? open_safe_at(root->get(), std::string(kKind), Missing::Fail, kVolumesMode)
                      : std::move(root);
  if (volumes) return *std::move(volumes);
  if (volumes.error().code() == std::errc::no_such_file_or_directory) return std::nullopt;
  return std::unexpected(std::move(volumes).error());
}

std::string to_text(const OwnName& name) {
  std::string text;
  for (const auto& [stage, prefix] : kStages)
    if (stage == name.stage) text = prefix;
  text += name.version.text();
  if (name.stage != Stage::New) text += "-" + std::to_string(name.inode);
  return text;
}

std::optional<OwnName> parse_own_name(std::string_view text) {
  for (const auto& [stage, prefix] : kStages) {
    if (!text.starts_with(prefix)) continue;
    const auto rest = text.substr(prefix.size());
    const auto dash = stage == Stage::New ? rest.size() : rest.find('-');
    auto version = Version::parse(rest.substr(0, dash));
    if (!version || dash == std::string_view::npos) return std::nullopt;
    OwnName name{.stage = stage, .version = *std::move(version), .inode = 0};
    if (stage == Stage::New) return name;
    const auto* const end = rest.data() + rest.size();
    const auto read = std::from_chars(rest.data() + dash + 1, end, name.inode);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return name;
  }
  return std::nullopt;
}

Result<std::optional<std::uint64_t>> inode_at(int directory, const std::string& name) {
  const auto status = status_at(directory, name);
  if (!status) return std::unexpected(status.error());
  return *status ? std::optional<std::uint64_t>((*status)->st_ino) : std::nullopt;
}

Result<bool> is_directory_at(int directory, const std::string& name) {
  const auto status = status_at(directory, name);
  if (!status) return std::unexpected(status.error());
  return *status && S_ISDIR((*status)->st_mode);
}

}  // namespace nvhook::volumes
