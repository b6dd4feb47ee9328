// SPDX-License-Identifier: Apache-2.0
// The walk of older kernels against openat2 where mounts and a procfs are on the way.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "files/random_tree.hpp"
#include "files/walk.hpp"
#include "support/own_mounts.hpp"

namespace nvhook::files {
namespace {

namespace fs = std::filesystem;

class WalkAmongMounts : public test::OwnMounts {
 protected:
  void SetUp() override {
    OwnMounts::SetUp();
    if (IsSkipped()) return;
    // The mount over the root's directory, which its descriptor does not lie on.
    top_ = UniqueFd(::open(path("/").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  static bool bind(const fs::path& what, const fs::path& over) {
    return ::mount(what.c_str(), over.c_str(), nullptr, MS_BIND, nullptr) == 0;
  }

  // Binds files and directories of a random tree over others of it; gives how many. Some are gone
  // when their turn comes, below what was mounted before.
  static std::size_t make_random_mounts(test::Random& random,
                                        const std::vector<fs::path>& directories) {
    std::size_t mounts = 0;
    for (const auto& directory : directories) {
      const auto file = directory / "bound";
      ::mknod(file.c_str(), S_IFREG | 0644, 0);
      if (test::below(random, 4) == 0) mounts += bind(directories.front() / "bound", file) ? 1 : 0;
    }
    for (int i = 0; i < 4; ++i) {
      const auto& from = directories[test::below(random, directories.size())];
      const auto& over = directories[1 + test::below(random, directories.size() - 1)];
      mounts += bind(from, over) ? 1 : 0;
    }
    return mounts;
  }

  UniqueFd top_;
};

TEST_F(WalkAmongMounts, AgreesWithOpenat2) {
  constexpr std::size_t kPerTree = 1000;
  const auto trees = test::lookups_or(10'000) / kPerTree;
  test::Answers answers;
  std::size_t mounts = 0;
  for (std::size_t seed = 1; seed <= trees && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    const auto at = path("/") + std::to_string(seed);
    fs::create_directory(at);
    mounts += make_random_mounts(random, test::make_random_tree(random, at));
    const UniqueFd fd(::open(at.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    test::compare_lookups(random, fd.get(), kPerTree, answers);
  }
  EXPECT_GT(mounts, 3 * trees);
  test::expect_all_ends(answers);
}

TEST_F(WalkAmongMounts, AgreesWithOpenat2OnProcfs) {
  root_.directory("/proc").directory("/dev").symlink("/dev/fd", "/proc/self/fd");
  root_.symlink("/mtab", "proc/self/mounts").symlink("/local", "/proc/1/root");
  ASSERT_EQ(::mount("proc", path("/proc").c_str(), "proc", 0, nullptr), 0);

  for (const auto* name : {"proc",
                           "proc/self",
                           "proc/self/status",
                           "proc/thread-self/status",
                           "proc/mounts",
                           "mtab",
                           "proc/net/dev",
                           "proc/self/root",
                           "proc/self/root/etc",
                           "proc/self/cwd",
                           "proc/self/exe",
                           "proc/self/fd/0",
                           "proc/self/ns/mnt",
                           "proc/thread-self/root",
                           "proc/1/root",
                           "proc/1/exe",
                           "proc/2/exe",
                           "proc/2/cwd",
                           "local/etc",
                           "dev/fd",
                           "dev/fd/0",
                           "proc/self/gone",
                           "proc/sys/kernel/ostype",
                           "proc/self/task/../status",
                           "proc/../proc/self/../mounts"})
    for (const auto lookup : {Lookup::InRoot, Lookup::InRootSameMount, Lookup::Beneath,
                              Lookup::Plain, Lookup::SameMount})
      for (const int flags : {O_PATH, O_PATH | O_NOFOLLOW, O_RDONLY | O_NONBLOCK}) {
        const auto [openat2, walk] = test::ask_both(top_.get(), name, flags, lookup);
        EXPECT_EQ(openat2, walk) << name << ", flags " << flags << ", lookup "
                                 << std::to_underlying(lookup);
      }
}

TEST_F(WalkAmongMounts, FollowsProcfsLinksInItsRootOnly) {
  root_.directory("/pid");
  ASSERT_TRUE(bind("/proc/self", path("/pid")));  // the root of a mount, and not of procfs

  EXPECT_TRUE(walk(top_.get(), "pid/status", O_PATH, Lookup::InRoot));
  const auto magic = walk(top_.get(), "pid/cwd", O_PATH, Lookup::InRoot);
  ASSERT_FALSE(magic);
  EXPECT_EQ(magic.error().code(), std::errc::too_many_symbolic_link_levels);
}

}  // namespace
}  // namespace nvhook::files
