// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "attack/contestant.hpp"
#include "attack/naive_place.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

void enter_container(pid_t pid) {
  const auto path = "/proc/" + std::to_string(pid) + "/ns/mnt";
  const UniqueFd mount_namespace(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (::setns(mount_namespace.get(), CLONE_NEWNS) == 0) return;
  std::perror("setns");
  std::abort();
}

std::set<std::string> mount_points() {
  std::ifstream in("/proc/self/mountinfo");
  std::set<std::string> points;
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string point;
    fields >> skipped >> skipped >> skipped >> skipped >> point;
    points.insert(std::move(point));
  }
  return points;
}

std::set<std::string> names_below(const fs::path& top) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(top)) names.insert(entry.path());
  return names;
}

class PathBased final : public Contestant {
 public:
  explicit PathBased(const Attempted& attempted) : attempted_(attempted) {
    enter_container(attempted.container);
    attempted_.racer.rest();
    mounts_ = mount_points();
    names_ = names_below(attempted_.ground.root() / "usr");
    attempted_.racer.go_on();
  }

  std::string place() override {
    const auto rootfs = attempted_.ground.root().string();
    const auto source = attempted_.ground.source().string();
    const auto directory = std::string(kRacedDirectory) + "/";
    for (const auto& file : attempted_.wanted.files)
      if (naive_place(source, rootfs, directory + file, Caution::LooksFirst) != 0) return "refused";
    if (!attempted_.wanted.link) return {};
    const bool done = remember_link() && naive_link(kRacedLinkText, rootfs, directory + kRacedLink,
                                                    Caution::LooksFirst) == 0;
    return done ? "" : "refused";
  }

  std::string verify() override { return {}; }

  // Everything that was made, wherever it landed: the next attempt finds what the first did.
  void take_away() override {
    attempted_.racer.rest();
    for (auto points = mount_points(); points != mounts_; points = mount_points())
      for (const auto& point : points)
        if (!mounts_.contains(point)) ::umount2(point.c_str(), MNT_DETACH);
    std::error_code ignored;
    for (const auto& name : names_below(attempted_.ground.root() / "usr"))
      if (!names_.contains(name)) fs::remove_all(name, ignored);
    for (const auto* directory : {"victim", "real", "outside/directory"})
      for (const auto& entry : fs::directory_iterator(attempted_.ground.top() / directory))
        if (entry.path().filename() != RaceGround::kCanary) fs::remove_all(entry.path(), ignored);
    if (attempted_.wanted.link) RaceGround::make_link_stale(attempted_.ground.root());
    attempted_.racer.go_on();
  }

 private:
  // Remembers the old link in a hidden file beside it, which is made first and written then.
  [[nodiscard]] bool remember_link() const {
    const auto directory = attempted_.ground.root() / fs::path(kRacedDirectory).relative_path();
    const auto file = directory / (kRacedHidden + std::to_string(::getpid()));
    if (!UniqueFd(::open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600)))
      return false;
    const UniqueFd old(::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
    std::array<char, 256> text{};
    const auto size = ::readlink((directory / kRacedLink).c_str(), text.data(), text.size());
    return size >= 0 && ::write(old.get(), text.data(), static_cast<std::size_t>(size)) == size;
  }

  Attempted attempted_;
  std::set<std::string> mounts_;
  std::set<std::string> names_;
};

class KernelDotDotWalker final : public Contestant {
 public:
  explicit KernelDotDotWalker(const Attempted& attempted)
      : root_(::open(attempted.ground.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

  std::string place() override {
    directory_ = walk();
    made_ = directory_ && ::mknodat(directory_.get(), kRacedFile, S_IFREG | 0444, 0) == 0;
    return made_ ? "" : "refused";
  }

  std::string verify() override { return {}; }

  void take_away() override {
    if (made_) ::unlinkat(directory_.get(), kRacedFile, 0);
    made_ = false;
  }

 private:
  [[nodiscard]] bool is_root(int fd) const {
    struct stat one{};
    struct stat other{};
    return ::fstat(fd, &one) == 0 && ::fstat(root_.get(), &other) == 0 &&
           one.st_ino == other.st_ino;
  }

  [[nodiscard]] UniqueFd walk() const {
    std::deque<std::string> components;
    for (const auto& part : fs::path(kRacedDirectory).relative_path()) components.push_back(part);
    UniqueFd at(::openat(root_.get(), ".", O_PATH | O_CLOEXEC));
    while (at && !components.empty()) {
      const auto name = components.front();
      components.pop_front();
      if (name == ".." && is_root(at.get())) continue;
      UniqueFd next(::openat(at.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      std::array<char, 256> text{};
      const auto size = next ? ::readlinkat(next.get(), "", text.data(), text.size()) : -1;
      if (size > 0) {
        const fs::path link(std::string(text.data(), static_cast<std::size_t>(size)));
        std::deque<std::string> more;
        for (const auto& part : link) more.push_back(part);
        components.insert(components.begin(), more.begin(), more.end());
      } else {
        at = std::move(next);
      }
    }
    return at;
  }

  UniqueFd root_;
  UniqueFd directory_;
  bool made_ = false;
};

}  // namespace

std::unique_ptr<Contestant> make_path_based(const Attempted& attempted) {
  return std::make_unique<PathBased>(attempted);
}

std::unique_ptr<Contestant> make_kernel_dotdot_walker(const Attempted& attempted) {
  return std::make_unique<KernelDotDotWalker>(attempted);
}

}  // namespace nvhook::test
