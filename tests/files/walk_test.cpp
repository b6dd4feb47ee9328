// SPDX-License-Identifier: Apache-2.0
// The walk of older kernels against openat2, which needs a kernel that has it.
#include "files/walk.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "files/random_tree.hpp"
#include "support/fake_root.hpp"

namespace nvhook::files {
namespace {

TEST(WalkAndOpenat2, AgreeInRandomTrees) {
  constexpr std::size_t kPerTree = 1000;
  const auto trees = test::lookups_or(20'000) / kPerTree;
  test::Answers answers;
  for (std::size_t seed = 1; seed <= trees && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::Random random(seed);
    test::FakeRoot root;
    test::make_random_tree(random, root.on_disk());
    test::compare_lookups(random, root.fd(), kPerTree, answers);
  }
  test::expect_all_ends(answers);
}

TEST(WalkAndOpenat2, AgreeOnOddRequests) {
  test::FakeRoot root;
  root.directory("/d")
      .file("/f")
      .symlink("/l", "f")
      .symlink("/slashes", "///")
      .symlink("/dl", "d/");
  const std::string longest = std::string(2047 * 2, '/') + "f";
  const std::vector<std::string> paths = {"",          "/",           "//",
                                          ".",         "..",          "/..",
                                          "f/",        "f/.",         "f/..",
                                          "l/",        "d/",          "d/.",
                                          "d/..",      "d//./",       "slashes",
                                          "slashes/f", "dl",          "dl/",
                                          "dl/..",     "/f/x",        "gone/",
                                          "gone/..",   "\n",          "\xff",
                                          longest,     longest + "f", std::string(4096, '/')};
  for (const auto& path : paths)
    for (const auto lookup : {Lookup::InRoot, Lookup::InRootSameMount, Lookup::Beneath,
                              Lookup::Plain, Lookup::SameMount})
      for (const int flags : {O_PATH, O_PATH | O_NOFOLLOW, O_RDONLY, O_RDONLY | O_NOFOLLOW,
                              O_PATH | O_DIRECTORY, O_RDWR, O_PATH | O_RDWR, O_PATH | O_NONBLOCK}) {
        const auto [openat2, walk] = test::ask_both(root.fd(), path, flags, lookup);
        EXPECT_EQ(openat2, walk) << path << ", flags " << flags << ", lookup "
                                 << std::to_underlying(lookup);
      }
}

TEST(WalkAndOpenat2, AgreeBelowWhatIsNoDirectory) {
  test::FakeRoot root;
  root.file("/f").symlink("/l", "f");
  const UniqueFd file(::open(root.on_disk("/f").c_str(), O_PATH | O_CLOEXEC));
  const UniqueFd link(::open(root.on_disk("/l").c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));

  for (const int dir : {file.get(), link.get(), -1, 1 << 20})
    for (const auto* path : {"x", ".", "..", "/", "/x", ""})
      for (const auto lookup : {Lookup::InRoot, Lookup::Beneath, Lookup::Plain}) {
        const auto [openat2, walk] = test::ask_both(dir, path, O_PATH, lookup);
        EXPECT_EQ(openat2, walk) << path << " below " << dir;
      }
}

// The paths on which the two differ for somebody who may not search the directory "closed".
std::string differences_without_rights(int root) {
  std::string differences;
  for (const auto* path : {"closed", "closed/", "closed/.", "closed/..", "closed/../f", "closed/f",
                           "to_closed/..", "f"})
    for (const auto lookup : {Lookup::InRoot, Lookup::Beneath, Lookup::Plain}) {
      const auto [openat2, walk] = test::ask_both(root, path, O_PATH, lookup);
      if (openat2 != walk) differences += std::string(path) + ": " + openat2 + ", " + walk + "\n";
    }
  return differences;
}

TEST(WalkAndOpenat2, AgreeWhereADirectoryMayNotBeSearched) {
  test::FakeRoot root;
  root.file("/f").file("/closed/f").symlink("/to_closed", "closed");
  ASSERT_EQ(::chmod(root.on_disk("/closed").c_str(), 0), 0);
  const auto user = ::geteuid();
  ASSERT_EQ(::seteuid(user == 0 ? 65534 : user), 0);  // root may search everything

  const auto differences = differences_without_rights(root.fd());
  const auto code = walk(root.fd(), "closed/..", O_PATH, Lookup::InRoot);

  ASSERT_EQ(::seteuid(user), 0);
  EXPECT_EQ(differences, "");
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), std::errc::permission_denied);
}

std::error_code code_of(int dir, const std::string& path, int flags = O_PATH) {
  const auto fd = walk(dir, path, flags, Lookup::InRoot);
  return fd ? std::error_code() : fd.error().code();
}

TEST(Walk, NeitherMakesNorEmptiesAFile) {
  test::FakeRoot root;
  root.file("/f", "text");

  for (const int flags : {O_RDWR | O_CREAT, O_RDWR | O_TRUNC, O_RDWR | O_TMPFILE})
    EXPECT_EQ(code_of(root.fd(), "f", flags), std::errc::invalid_argument);
  EXPECT_EQ(std::filesystem::file_size(root.on_disk("/f")), 4U);
}

// A tree of 300 directories, each in the one before.
class DeepTree {
 public:
  DeepTree() : top_(::open(root_.on_disk().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    UniqueFd at(::dup(top_.get()));
    for (int i = 0; i < kDepth; ++i) {
      EXPECT_EQ(::mkdirat(at.get(), "d", 0755), 0);
      at = UniqueFd(::openat(at.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
  }
  static constexpr int kDepth = 300;
  [[nodiscard]] int fd() const { return top_.get(); }

 private:
  test::FakeRoot root_;
  UniqueFd top_;
};

TEST(Walk, HoldsABoundedNumberOfDescriptors) {
  const DeepTree tree;
  const auto path_of = [](std::size_t depth) {
    std::string path;
    for (std::size_t i = 0; i < depth; ++i) path += "d/";
    return path;
  };
  EXPECT_EQ(code_of(tree.fd(), path_of(257)), std::error_code());
  for (const std::size_t depth : {258, DeepTree::kDepth})
    EXPECT_EQ(code_of(tree.fd(), path_of(depth)), std::errc::filename_too_long) << depth;
  // Depth counts, not the number of components.
  std::string up_and_down;
  for (int i = 0; i < 800; ++i) up_and_down += "d/../";
  EXPECT_EQ(code_of(tree.fd(), up_and_down), std::error_code());
}

TEST(Walk, SaysWhenDescriptorsRunOut) {
  const DeepTree tree;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::string path;
  for (int i = 0; i < 200; ++i) path += "d/";

  const auto code = code_of(tree.fd(), path);

  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(code, std::errc::too_many_files_open);
}

}  // namespace
}  // namespace nvhook::files
