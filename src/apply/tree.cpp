// SPDX-License-Identifier: Apache-2.0
#include "tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/write.hpp"
#include "nvhook/mount/mount.hpp"

namespace nvhook::apply {
namespace {

constexpr auto kSize = "8m";  // names, and a loader's file at most
constexpr mode_t kPointMode = 0444;
constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;

std::unexpected<Error> cannot_make(const std::string& name) {
  return system_failure(errno == ENOSPC ? ErrorId::NoSpace : ErrorId::Kernel,
                        "make " + quote(name) + " of the tree");
}

class Builder {
 public:
  Builder(UniqueFd tree, std::size_t prefix) : tree_(std::move(tree)), prefix_(prefix) {}

  Result<void> add_point(const ContainerPath& path) {
    const auto name = below(path);
    if (auto done = make_directory_of(name); !done) return done;
    if (::mknodat(tree_.get(), name.c_str(), S_IFREG | kPointMode, 0) != 0)
      return cannot_make(name);
    return {};
  }

  Result<void> add_link(const plan::Symlink& link) {
    const auto name = below(link.path);
    if (auto done = make_directory_of(name); !done) return done;
    if (::symlinkat(link.target.c_str(), tree_.get(), name.c_str()) != 0) return cannot_make(name);
    return {};
  }

  Result<void> add_file(const std::string& name, std::string_view bytes) {
    const UniqueFd file(::openat(tree_.get(), name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!file) return cannot_make(name);
    return files::write_whole(file.get(), bytes);
  }

  [[nodiscard]] UniqueFd take() && { return std::move(tree_); }

 private:
  [[nodiscard]] std::string below(const ContainerPath& path) const {
    return path.value.substr(prefix_);
  }

  // One level of directories is all that a plan has.
  Result<void> make_directory_of(const std::string& name) {
    auto directory = name.substr(0, name.rfind('/'));
    if (directories_.contains(directory)) return {};
    if (::mkdirat(tree_.get(), directory.c_str(), kDirectoryMode) != 0)
      return cannot_make(directory);
    directories_.insert(std::move(directory));
    return {};
  }

  UniqueFd tree_;
  std::size_t prefix_;
  std::set<std::string> directories_;
};

}  // namespace

bool is_in_tree(const plan::Plan& plan, const ContainerPath& path) {
  return plan.tree && path.value.size() > plan.tree->value.size() &&
         path.value.starts_with(plan.tree->value) && path.value[plan.tree->value.size()] == '/';
}

Result<std::optional<UniqueFd>> build_tree(const plan::Plan& plan, mount::Tier tier) {
  if (!plan.tree || tier != mount::Tier::Detached) return std::nullopt;
  auto tmpfs = mount::make_tmpfs(kSize, plan.mount_label);
  if (!tmpfs) return std::unexpected(std::move(tmpfs).error());
  Builder builder(std::move(*tmpfs), plan.tree->value.size() + 1);
  Result<void> done;
  for (const auto& mount : plan.mounts)
    if (done && is_in_tree(plan, mount.target)) done = builder.add_point(mount.target);
  for (const auto& link : plan.symlinks)
    if (done && is_in_tree(plan, link.path)) done = builder.add_link(link);
  if (done && plan.loader.action == plan::CacheAction::Bind)
    done = builder.add_file(kLoaderFileInTree, plan.loader.bytes);
  if (!done) return std::unexpected(std::move(done).error());
  auto tree = std::move(builder).take();
  if (done = mount::restrict_to(tree.get(), kFileMount); !done)
    return std::unexpected(std::move(done).error());
  return tree;
}

}  // namespace nvhook::apply
