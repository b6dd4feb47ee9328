// SPDX-License-Identifier: Apache-2.0
#include "attack/mount_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "nvhook/base/quote.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

// Space, tab, newline and backslash stand there as a backslash and three octal digits.
std::string decoded(const std::string& field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size()) {
      text += static_cast<char>(std::stoi(field.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

std::string without_times(const std::string& options) {
  std::string kept;
  std::istringstream in(options);
  for (std::string option; std::getline(in, option, ',');)
    if (!option.ends_with("atime")) kept += (kept.empty() ? "" : ",") + option;
  return kept;
}

// The path below the container's root; empty for one outside.
std::string below(const fs::path& rootfs, const std::string& point) {
  if (!point.starts_with(rootfs.string() + "/")) return {};
  return point.substr(rootfs.string().size());
}

// Component by component: a path in a container's root may be as long as a path can be.
UniqueFd open_in_steps(const fs::path& path) {
  UniqueFd fd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const auto& name : path.relative_path())
    fd = UniqueFd(::openat(fd.get(), name.c_str(), O_PATH | O_CLOEXEC));
  return fd;
}

bool same_time(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

// By the file and not by its name: that is what the container gets to see. Sealed, it is on another
// file system, which shows all but the device as it is.
bool is_source_of(const PlannedMount& mount, const fs::path& found) {
  const auto found_fd = open_in_steps(found);
  const auto source_fd = open_in_steps(mount.source);
  struct stat is {};
  struct stat due {};
  if (::fstat(found_fd.get(), &is) != 0 || ::fstat(source_fd.get(), &due) != 0) return false;
  if (is.st_ino != due.st_ino) return false;
  return is.st_dev == due.st_dev ||
         (mount.sealed && is.st_mode == due.st_mode && is.st_size == due.st_size &&
          same_time(is.st_mtim, due.st_mtim) && same_time(is.st_ctim, due.st_ctim));
}

// A mount that has no source on the host: the tree of new kernels, and a file of it that the loader
// reads.
bool is_of_the_tree(const std::string& target, const PlanOfRun& plan) {
  if (target.empty()) return false;
  return target == plan.tree || (plan.loader.is_mounted() && target == plan.loader.path);
}

}  // namespace

MountTable read_mount_table(const fs::path& mountinfo) {
  MountTable table;
  std::ifstream in(mountinfo);
  for (std::string line; std::getline(in, line);) {
    std::istringstream in_line(line);
    std::vector<std::string> fields;  // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 ...
    for (std::string field; std::getline(in_line, field, ' ');) fields.push_back(field);
    if (fields.size() < 7) continue;
    MountRow row{.id = std::stoul(fields[0]),
                 .point = decoded(fields[4]),
                 .options = without_times(fields[5]),
                 .propagation = {}};
    for (std::size_t i = 6; i < fields.size() && fields[i] != "-"; ++i)
      row.propagation += (row.propagation.empty() ? "" : " ") + fields[i];
    table.push_back(std::move(row));
  }
  std::ranges::sort(table);
  return table;
}

Complaints judge_mounts(const TestContainer& container, const MountTable& before,
                        const PlanOfRun& plan) {
  Complaints complaints;
  const auto complain = [&](const std::string& text) {
    complaints.push_back({Oracle::ContainerMounts, text});
  };
  const auto after = read_mount_table("/proc/" + std::to_string(container.pid()) + "/mountinfo");
  MountTable made;
  MountTable gone;
  std::ranges::set_difference(after, before, std::back_inserter(made));
  std::ranges::set_difference(before, after, std::back_inserter(gone));
  for (const auto& row : gone) complain("gone or changed: " + quote(row.point));

  auto due = plan.mounts;
  bool loader_file_due = plan.loader.is_mounted();
  for (const auto& row : made) {
    const auto target = below(container.rootfs(), row.point);
    if (is_of_the_tree(as_planned(target), plan)) {
      if (row.options != "ro,nosuid,nodev") complain(quote(target) + " has " + row.options);
      if (!row.propagation.empty()) complain(quote(target) + " is " + row.propagation);
      loader_file_due = loader_file_due && as_planned(target) != plan.loader.path;
      continue;
    }
    const auto planned = std::ranges::find(due, as_planned(target), &PlannedMount::target);
    if (target.empty() || planned == due.end()) {
      complain("not planned: a mount at " + quote(row.point));
      continue;
    }
    if (row.options != planned->options)
      complain(quote(target) + " has " + row.options + ", planned " + planned->options);
    if (!row.propagation.empty()) complain(quote(target) + " is " + row.propagation);
    if (!is_source_of(*planned, container.inside(target)))
      complain(quote(target) + " is another file than " + planned->source);
    due.erase(planned);
  }
  if (loader_file_due) complain("planned and not there: " + quote(plan.loader.path));
  for (const auto& mount : due) complain("planned and not there: " + quote(mount.target));
  return complaints;
}

}  // namespace nvhook::test
