// SPDX-License-Identifier: Apache-2.0
#include "settle_loader.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <utility>

#include "names.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::plan {
namespace {

using container::FileFacts;
using container::Libc;
using container::MountKind;
using container::Standing;

std::string search_path(const std::vector<ContainerPath>& directories) {
  std::string text;
  for (const auto& directory : directories) text += (text.empty() ? "" : ":") + directory.value;
  return text;
}

void warn_not_told(Plan& plan, std::string_view why) {
  plan.warnings.push_back(
      {WarningId::LdCache,
       std::string(why) +
           ": the image's loader is not told of the driver's libraries, and finds those in its "
           "default directories only" +
           (plan.tree ? "; set LD_LIBRARY_PATH=" + search_path(plan.loader.directories)
                      : std::string())});
}

// Empty if the file can be made or exchanged; on a read-only root, mounted over.
std::string why_not(const FileFacts& facts, const ContainerPath& path, bool read_only) {
  if (!facts.trouble.empty()) return facts.trouble;
  const auto& directory = facts.directory;
  const auto standing = facts.found.standing;
  const auto name = quote(path.value);
  if (!directory.exists) return "the directory of " + name + " is missing in the image";
  if (directory.mount != MountKind::Rootfs || facts.found.other_mount)
    return name + " lies in a volume of the container's";
  if (standing == Standing::File && !facts.content)
    return name + " is larger than " + std::to_string(kMaxLoaderFile >> 20U) + " MiB";
  if (read_only) {
    if (directory.shared) return "a mount at " + name + " would appear on the host";
    if (standing == Standing::File) return {};
    return "the root is read-only, and " + name + " is " + std::string(name_of(standing));
  }
  if (directory.fixed) return "the directory of " + name + " is append-only or immutable";
  if (standing == Standing::Nothing || standing == Standing::File || standing == Standing::Link)
    return {};
  return name + " is " + std::string(name_of(standing)) + " in the image";
}

std::optional<Former> former_of(const FileFacts& facts) {
  if (facts.found.standing == Standing::Nothing) return std::nullopt;
  Former former{.link_text = {}, .content = facts.content.value_or(container::Content{})};
  if (facts.found.standing == Standing::Link) former.link_text = facts.found.link_text;
  return former;
}

CacheAction action_for(const Inputs& in, const FileFacts& facts) {
  if (root_is_read_only(in)) return CacheAction::Bind;
  if (in.image.libc == Libc::Musl) return CacheAction::MuslPath;
  return facts.content ? CacheAction::Merge : CacheAction::Create;
}

// So that an ldconfig(8) of the container's finds the tree, too.
void add_directory_file(Plan& plan, const FileFacts& facts) {
  const auto& directory = facts.directory;
  const bool can_be = facts.trouble.empty() && directory.exists && !directory.fixed &&
                      directory.mount == MountKind::Rootfs &&
                      facts.found.standing == Standing::Nothing;
  if (!can_be) return;
  std::string content;
  for (const auto& each : plan.loader.directories) content += each.value + "\n";
  plan.files.push_back({directory.resolved / loader_directory_file().name, std::move(content)});
}

void warn_of_musl(Plan& plan) {
  plan.warnings.push_back(
      {WarningId::Musl,
       "the image's C library is musl, the driver's libraries are made for glibc: programs of the "
       "image can load those that need little of it (more with gcompat), and the driver's own "
       "programs do not run"});
}

// Where the loader gets a new cache only: musl's takes whole directories.
void put_first(Plan& plan, const Preferred& preferred) {
  auto& loader = plan.loader;
  loader.compat = preferred.reason;
  std::ranges::copy(preferred.warnings, std::back_inserter(plan.warnings));
  if (preferred.names.empty()) return;
  std::vector<Findable> first;
  for (const auto& name : preferred.names)
    first.push_back({name, preferred.directory / name, Kind::Library});
  loader.libraries.insert(loader.libraries.begin(), std::make_move_iterator(first.begin()),
                          std::make_move_iterator(first.end()));
  loader.directories.insert(loader.directories.begin(), preferred.directory);
}

}  // namespace

bool root_is_read_only(const Inputs& in) { return in.config.root_readonly || in.image.read_only; }

void settle_loader(Plan& plan, const Inputs& in) {
  auto& loader = plan.loader;
  if (loader.libraries.empty()) return;
  if (in.image.empty) loader.action = CacheAction::Unknown;
  const auto place = loader_file_of(in.image);
  if (!place || !in.loader_file) return;
  if (in.image.libc == Libc::Musl) warn_of_musl(plan);
  const auto& facts = *in.loader_file;
  const auto path = facts.directory.resolved / place->name;
  if (const auto why = why_not(facts, path, root_is_read_only(in)); !why.empty()) {
    warn_not_told(plan, why);
    return;
  }
  loader.action = action_for(in, facts);
  loader.path = path;
  loader.former = former_of(facts);
  if (in.preferred != nullptr && in.image.libc == Libc::Glibc) put_first(plan, *in.preferred);
  const bool has_ldconfig = in.image.libc == Libc::Glibc && loader.action != CacheAction::Bind;
  if (plan.tree && has_ldconfig && in.loader_directory)
    add_directory_file(plan, *in.loader_directory);
}

}  // namespace nvhook::plan
