// SPDX-License-Identifier: Apache-2.0
#include "attack/canaries.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>
#include <string_view>

#include "nvhook/base/quote.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxRead = std::size_t{1} << 20U;

std::string content_of(const fs::path& path, const struct stat& status) {
  if (S_ISLNK(status.st_mode)) return fs::read_symlink(path).string();
  if (!S_ISREG(status.st_mode)) return {};
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOATIME | O_CLOEXEC));
  std::string text(std::min(kMaxRead, static_cast<std::size_t>(status.st_size)), '\0');
  const auto size = ::read(fd.get(), text.data(), text.size());
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return text;
}

void add_ancestors(std::set<std::string>& paths, const fs::path& path) {
  for (auto up = path.parent_path(); up != "/" && !up.empty(); up = up.parent_path())
    paths.insert(up.string());
}

bool is_exchanged(const std::string& name, const PlanOfRun& plan) {
  return plan.loader.is_exchanged() && name == plan.loader.path;
}

// Of a tree that is no mount of its own, what the loader is to have of it.
bool is_of_tree(const std::string& name, const PlanOfRun& plan) {
  return plan.loader.is_mounted() && name.starts_with(plan.tree + "/");
}

bool is_planned_file(const fs::path& on_disk, const std::string& name, const struct stat& status,
                     const PlanOfRun& plan) {
  if (is_exchanged(name, plan) || is_of_tree(name, plan))
    return (status.st_mode & 07777U) == 0644 && status.st_nlink == 1;
  const auto file = std::ranges::find(plan.files, name, &PlannedFile::path);
  if (file != plan.files.end()) return content_of(on_disk, status) == file->content;
  return status.st_size == 0 &&
         std::ranges::find(plan.mounts, name, &PlannedMount::target) != plan.mounts.end();
}

// Whether something new is what the plan puts there.
bool was_planned(const fs::path& top, const std::string& path, const PlanOfRun& plan,
                 const std::set<std::string>& directories) {
  struct stat status {};
  const auto on_disk = top / fs::path(path).relative_path();
  const auto name = as_planned(path);
  if (::lstat(on_disk.c_str(), &status) != 0) return false;
  if (S_ISDIR(status.st_mode)) return directories.contains(name);
  if (S_ISREG(status.st_mode)) return is_planned_file(on_disk, name, status, plan);
  const auto link = std::ranges::find(plan.links, name, &PlannedLink::path);
  return S_ISLNK(status.st_mode) && link != plan.links.end() &&
         fs::read_symlink(on_disk) == link->target;
}

}  // namespace

Canaries::Canaries(fs::path top) : top_(std::move(top)), before_(read(top_)) {}

Canaries::Description Canaries::describe(const fs::path& path) {
  struct stat status {};
  ::lstat(path.c_str(), &status);
  std::ostringstream text;
  text << std::oct << status.st_mode << std::dec << " owner " << status.st_uid << ':'
       << status.st_gid << " inode " << status.st_ino;
  // A directory changes with what is made in it, which has an entry of its own.
  if (S_ISDIR(status.st_mode)) return {text.str(), {}, status.st_ino};
  text << " size " << status.st_size << " device " << status.st_rdev << " changed "
       << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec << " content "
       << std::hash<std::string>{}(content_of(path, status));
  std::ostringstream names;
  names << " links " << status.st_nlink << ' ' << status.st_ctim.tv_sec << '.'
        << status.st_ctim.tv_nsec;
  return {text.str(), names.str(), status.st_ino};
}

bool Canaries::loses_a_name(const Description& was, const PlanOfRun& plan) const {
  if (!plan.loader.is_exchanged()) return false;
  const auto loader = before_.find(plan.loader.path);
  return loader != before_.end() && loader->second.inode == was.inode;
}

Canaries::Tree Canaries::read(const fs::path& top) {
  Tree tree;
  struct stat of_top {};
  if (::lstat(top.c_str(), &of_top) != 0) return tree;
  tree["/"] = describe(top);
  for (auto entry = fs::recursive_directory_iterator(top);
       entry != fs::recursive_directory_iterator(); ++entry) {
    struct stat status {};
    ::lstat(entry->path().c_str(), &status);
    if (S_ISDIR(status.st_mode) && status.st_dev != of_top.st_dev)
      entry.disable_recursion_pending();
    tree[entry->path().string().substr(top.string().size())] = describe(entry->path());
  }
  return tree;
}

Complaints Canaries::judge() const { return judge(PlanOfRun{}); }

Complaints Canaries::judge(const PlanOfRun& plan) const {
  Complaints complaints;
  const auto complain = [&](const std::string& what, const std::string& path) {
    complaints.push_back({Oracle::Canaries, what + " " + quote((top_.string() + path))});
  };
  std::set<std::string> directories;
  for (const auto& mount : plan.mounts) add_ancestors(directories, mount.target);
  for (const auto& link : plan.links) add_ancestors(directories, link.path);
  for (const auto& file : plan.files) add_ancestors(directories, file.path);
  // An upper layer of an overlay gets the directory of a file that is exchanged in a lower one.
  if (plan.loader.is_exchanged()) add_ancestors(directories, plan.loader.path);
  if (!plan.tree.empty()) add_ancestors(directories, plan.tree + "/.");

  const auto after = read(top_);
  for (const auto& [path, was] : before_) {
    const auto now = after.find(path);
    if (now != after.end() && now->second == was) continue;
    if (now != after.end() && now->second.itself == was.itself && loses_a_name(was, plan)) continue;
    const auto link = std::ranges::find(plan.links, as_planned(path), &PlannedLink::path);
    const bool replaced =
        (link != plan.links.end() && link->replaces) || is_exchanged(as_planned(path), plan);
    if (now == after.end())
      complain("gone:", path);
    else if (!replaced || !was_planned(top_, path, plan, directories))
      complain("changed from " + was.itself + was.names + " to " + now->second.itself +
                   now->second.names + ":",
               path);
  }
  for (const auto& [path, ignored] : after)
    if (!before_.contains(path) && !was_planned(top_, path, plan, directories))
      complain("new and not planned:", path);
  return complaints;
}

}  // namespace nvhook::test
