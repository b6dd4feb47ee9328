// SPDX-License-Identifier: Apache-2.0
#include "volumes/uses.hpp"

#include <algorithm>
#include <cstdint>

#include "nvhook/files/procfs.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/volumes/name.hpp"
#include "volumes/own_files.hpp"

namespace nvhook::volumes {
namespace {

constexpr auto kFile = "uses";
constexpr std::size_t kMaxBytes = std::size_t{8} << 20U;  // 80000 mounts
constexpr std::size_t kMaxWord = 128;
constexpr std::size_t kMaxBootId = 128;

bool may_be_in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kMaxWord && std::ranges::all_of(text, may_be_in_word);
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

std::size_t Uses::count(std::string_view version) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      mounts, [version](const auto& mount) { return mount.first == version; }));
}

std::string to_text(const Uses& uses, std::string_view boot) {
  auto text = "boot " + std::string(boot) + '\n';
  for (const auto& [version, mount] : uses.mounts) text += version + ' ' + mount + '\n';
  return text;
}

Uses parse_uses(std::string_view text, std::string_view boot) {
  Uses uses;
  if (take_line(text) != "boot " + std::string(boot)) return uses;
  while (!text.empty()) {
    const auto line = take_line(text);
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const auto version = line.substr(0, blank);
    const auto mount = line.substr(blank + 1);
    if (Version::parse(version) && is_word(mount))
      uses.mounts.emplace(std::string(version), std::string(mount));
  }
  return uses;
}

std::string word_for(std::string_view id) {
  if (id.empty()) return "-";
  if (is_word(id)) return std::string(id);
  // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv: two such names that are taken for one are
  // one mount less in a count.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return "other-" + std::to_string(hash);
}

Result<std::string> boot_id() {
  const auto proc = files::open_proc();
  if (!proc) return std::unexpected(proc.error());
  auto text = files::read_kernel_file(proc->get(), "sys/kernel/random/boot_id", kMaxBootId);
  if (!text) return text;
  text->resize(std::min(text->find('\n'), text->size()));
  return text;
}

Result<Uses> read_uses(int own) {
  const auto boot = boot_id();
  if (!boot) return std::unexpected(boot.error());
  const auto text = read_own(own, kFile, kMaxBytes);
  if (!text) return std::unexpected(text.error());
  return *text ? parse_uses(**text, *boot) : Uses{};
}

Result<void> write_uses(int own, const Uses& uses) {
  const auto boot = boot_id();
  if (!boot) return std::unexpected(boot.error());
  const auto text = to_text(uses, *boot);
  if (text.size() > kMaxBytes)
    return failure(ErrorId::Store, "more mounts are noted than any machine has");
  return write_own(own, kFile, text, Durable::No);
}

Result<void> write_fewer_uses(int own, const Uses& uses) {
  auto done = write_uses(own, uses);
  if (done || done.error().id() != ErrorId::NoSpace) return done;
  const auto boot = boot_id();
  if (!boot) return std::unexpected(boot.error());
  return shorten_own(own, kFile, to_text(uses, *boot));
}

}  // namespace nvhook::volumes
