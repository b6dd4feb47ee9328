// SPDX-License-Identifier: Apache-2.0
#include "files/random_tree.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "files/walk.hpp"
#include "nvhook/files/mount_id.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using files::Lookup;

constexpr std::array kLookups = {Lookup::InRoot, Lookup::InRootSameMount, Lookup::Beneath,
                                 Lookup::Plain, Lookup::SameMount};
constexpr std::array kFlags = {O_PATH,
                               O_PATH | O_NOFOLLOW,
                               O_PATH | O_DIRECTORY,
                               O_PATH | O_DIRECTORY | O_NOFOLLOW,
                               O_RDONLY | O_NONBLOCK,
                               O_RDONLY | O_NONBLOCK | O_NOFOLLOW,
                               O_RDONLY | O_DIRECTORY,
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                               O_WRONLY | O_NONBLOCK,
                               O_RDWR | O_NONBLOCK | O_NOCTTY};

// Few names, so that paths meet.
std::string random_name(Random& random) {
  constexpr std::array<std::string_view, 4> kNames = {"a", "b", "c", "link"};
  if (below(random, 40) == 0) return std::string(255, 'n');
  return std::string(kNames[below(random, kNames.size())]);
}

std::string random_target(Random& random) {
  switch (below(random, 10)) {
    case 0:
      return "/";
    case 1:
      return ".";
    case 2:
      return "chain" + std::to_string(below(random, 45));
    case 3:
      return "/chain" + std::to_string(below(random, 45)) + "/" + random_name(random);
    default:
      return random_path(random);
  }
}

// What stands there already stays.
void make_link(const std::string& target, const fs::path& at) {
  std::error_code ignored;
  fs::create_symlink(target, at, ignored);
}

void make_entry(Random& random, const fs::path& at) {
  const auto kind = below(random, 10);
  if (kind == 0) {
    ::mkfifo(at.c_str(), 0600);
  } else if (kind <= 3) {
    ::mknod(at.c_str(), S_IFREG | 0644, 0);
  } else {
    make_link(random_target(random), at);
    make_link("gone", at);  // where the target was empty
  }
}

std::string verdict_of(const Result<UniqueFd>& fd) {
  if (!fd) return fd.error().code().message();
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) std::abort();
  const auto mount = files::mount_id_of(fd->get());
  // The kernel remembers O_DIRECTORY and O_NOFOLLOW, too, and nothing follows from them.
  const int flags = ::fcntl(fd->get(), F_GETFL) & ~(O_DIRECTORY | O_NOFOLLOW);
  return "inode " + std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) +
         " mount " + (mount ? std::to_string(*mount) : mount.error().text()) + " flags " +
         std::to_string(flags) + " " + std::to_string(::fcntl(fd->get(), F_GETFD));
}

}  // namespace

std::size_t below(Random& random, std::size_t limit) { return random() % limit; }

std::vector<fs::path> make_random_tree(Random& random, const fs::path& top) {
  std::vector<fs::path> directories = {top};
  for (int i = 0; i < 25; ++i) {
    const auto at = directories[below(random, directories.size())] / random_name(random);
    if (::mkdir(at.c_str(), 0755) == 0) directories.push_back(at);
  }
  for (int i = 0; i < 60; ++i)
    make_entry(random, directories[below(random, directories.size())] / random_name(random));
  // chain0 is a directory, chain<n> n links away from it.
  ::mkdir((top / "chain0").c_str(), 0755);
  for (int i = 1; i < 45; ++i) {
    const auto before = (i % 3 == 0 ? "/chain" : "chain") + std::to_string(i - 1);
    make_link(before, top / ("chain" + std::to_string(i)));
  }
  return directories;
}

std::string random_path(Random& random) {
  std::string path = below(random, 4) == 0 ? "/" : "";
  const auto components = 1 + below(random, 5);
  for (std::size_t i = 0; i < components; ++i) {
    if (i > 0) path += below(random, 20) == 0 ? "//" : "/";
    switch (below(random, 16)) {
      case 0:
        path += ".";
        break;
      case 1:
      case 2:
        path += "..";
        break;
      case 3:
        path += "chain" + std::to_string(below(random, 45));
        break;
      case 4:
        if (below(random, 10) == 0) path += std::string(256, 'n');
        break;
      default:
        path += random_name(random);
    }
  }
  if (below(random, 8) == 0) path += "/";
  return path;
}

Verdicts ask_both(int dir, const std::string& path, int flags, files::Lookup lookup) {
  // A busy kernel may call a lookup off (EAGAIN), or see too many links where there are only more
  // than 20: it counts those of an attempt that it has given up, too (linux/fs/namei.c,
  // total_link_count). It does not do so again and again.
  constexpr int kTries = 100;
  Verdicts verdicts;
  for (int tries = 0; tries < kTries; ++tries) {
    // Both are held until both have spoken: procfs numbers a file anew once nobody holds it.
    const auto by_kernel = files::open_at(dir, path, flags, lookup);
    const auto by_walk = files::walk(dir, path, flags, lookup);
    verdicts = {verdict_of(by_kernel), verdict_of(by_walk)};
    if (verdicts.openat2 == verdicts.walk) break;
  }
  return verdicts;
}

void compare_lookups(Random& random, int dir, std::size_t count, Answers& answers) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto path = random_path(random);
    const auto flags = kFlags[below(random, kFlags.size())];
    const auto lookup = kLookups[below(random, kLookups.size())];
    const auto [openat2, walk] = ask_both(dir, path, flags, lookup);
    ASSERT_EQ(openat2, walk) << path << ", flags " << flags << ", lookup "
                             << std::to_underlying(lookup);
    ++answers[openat2.starts_with("inode") ? "found" : openat2];
  }
}

void expect_all_ends(const Answers& answers) {
  std::size_t all = 0;
  for (const auto& [answer, count] : answers) all += count;
  const auto share_of = [&](const std::string& answer) {
    const auto at = answers.find(answer);
    return at == answers.end() ? 0.0 : static_cast<double>(at->second) / static_cast<double>(all);
  };
  EXPECT_GT(share_of("found"), 0.1);
  for (const int error : {ENOENT, ENOTDIR, ELOOP, EXDEV, EISDIR, ENAMETOOLONG})
    EXPECT_GT(share_of(std::system_category().message(error)), 0.0005) << std::strerror(error);
}

std::size_t lookups_or(std::size_t otherwise) {
  const char* asked = std::getenv("NVHOOK_LOOKUPS");
  return asked == nullptr ? otherwise : std::strtoull(asked, nullptr, 10);
}

}  // namespace nvhook::test
