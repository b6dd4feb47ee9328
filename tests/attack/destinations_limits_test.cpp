// SPDX-License-Identifier: Apache-2.0
// Family D: how long, how odd, how many and how large things may be.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "attack/destinations.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& odd_names() {
  static const std::vector<std::string> kNames = {std::string(255, 'n'),
                                                  "a b",
                                                  "tab\tbed",
                                                  "new\nline",
                                                  "back\\slash",
                                                  "\\040",
                                                  "quote\"d",
                                                  "\xff\xfe",
                                                  "\xc3\x28",
                                                  "-rf",
                                                  "\x1b[2J\x1b]0;x\x07",
                                                  "\xe2\x80\xaegnp.exe",
                                                  "deleted) ",
                                                  "x (deleted)",
                                                  "//deleted",
                                                  "%s%n",
                                                  "$(id)",
                                                  "\r\nE_BUG: x",
                                                  "\x7f\x01",
                                                  "shared:1 - x"};
  return kNames;
}

TEST_P(Destinations, D19_TheDirectoryHasAnOddName) {
  for (const auto& name : odd_names()) {
    SCOPED_TRACE(::testing::PrintToString(name));
    start_over();
    image().directory("/opt/" + name);
    replace_by_link(kLibraryDirectory, "/opt/" + name);

    contained();
  }
}

TEST_P(Destinations, D19_ARefusalTellsOfAnOddName) {
  for (const auto& name : odd_names()) {
    SCOPED_TRACE(::testing::PrintToString(name));
    start_over();
    image().directory("/opt/" + name + "/libcuda.so.550.54.14");
    replace_by_link(kLibraryDirectory, "/opt/" + name);

    refused("E_DST_TYPE");
  }
}

TEST_P(Destinations, D19_AWarningTellsOfAnOddLink) {
  for (const auto& name : odd_names()) {
    SCOPED_TRACE(::testing::PrintToString(name));
    start_over();
    image().file("/opt/" + name);
    image().symlink(soname_, "/opt/" + name);

    skipped("W_LINK_EXISTS");
  }
}

TEST_P(Destinations, D19_ALinkNamesMoreThanANameCanHold) {
  replace_by_link(kLibraryDirectory, "/opt/" + std::string(256, 'n'));

  refused("E_DST_RESOLVE");
}

// Makes directories with names of `name_size` bytes until the path in the root has `length`; by
// descriptors, for no path may have more than 4096.
std::string make_deep_directory(const fs::path& top, std::size_t length, std::size_t name_size) {
  UniqueFd at(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string path;
  while (path.size() < length) {
    const std::string name(std::min(name_size, length - path.size() - 1), 'd');
    EXPECT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at = UniqueFd(::openat(at.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    path += "/" + name;
    if (length - path.size() == 1) break;  // no room for a slash and a name
  }
  return path;
}

TEST_P(Destinations, D19_ThePathIsAsLongAsAPathCanBe) {
  for (const std::size_t length : {3800U, 4000U, 4050U, 4094U}) {
    SCOPED_TRACE(length);
    start_over();
    scene().names_compared = false;  // some are too long for a path
    const auto path = make_deep_directory(image().on_disk(), length, 200);
    replace_by_link(kLibraryDirectory, path);

    contained_or_refused({"E_DST_RESOLVE"});
  }
}

// The names of system calls that list a directory.
long listings(const std::vector<Call>& calls) {
  return std::ranges::count(calls, "getdents64", &Call::name);
}

TEST_P(Destinations, D20_TheDirectoryHasTenThousandNames) {
  scene().traced = true;
  run_hook();
  const auto usual = listings(calls_of_last_run());
  start_over();
  scene().traced = true;
  scene().names_compared = false;
  image().file("/file");
  const auto file = image().on_disk("/file").string();
  const auto name = image().on_disk(kLibraryDirectory).string() + "/";
  for (int i = 0; i < 10'000; ++i)
    ASSERT_EQ(::link(file.c_str(), (name + std::to_string(i)).c_str()), 0);

  contained();

  EXPECT_EQ(listings(calls_of_last_run()), usual) << "it lists a directory of the image";
}

TEST_P(Destinations, D20_TwoThousandDirectoriesAreNested) {
  scene().names_compared = false;  // some are too long for a path
  replace_by_link(kLibraryDirectory, make_deep_directory(image().on_disk(), 4000, 1));

  // The walk that older kernels need holds a descriptor for each, and has a limit.
  if (GetParam().tier == Tier::New)
    contained();
  else
    refused("E_DST_RESOLVE");
}

TEST_P(Destinations, D20_AFileOfEightExbibytesStandsAtTheTarget) {
  for (const auto& target : {library_, soname_, program_}) {
    SCOPED_TRACE(target);
    start_over();
    image().file(target);
    ASSERT_EQ(::truncate(image().on_disk(target).c_str(), std::numeric_limits<off_t>::max()), 0);

    contained();
  }
}

TEST_P(Destinations, D20_TheDirectoryHasAHundredThousandBytesOfAttributes) {
  image().file(library_);
  const std::string value(50'000, 'v');
  for (const auto& path : {std::string(kLibraryDirectory), library_})
    for (const auto* name : {"trusted.a", "trusted.b"})
      ASSERT_EQ(::setxattr(image().on_disk(path).c_str(), name, value.data(), value.size(), 0), 0);

  contained();
}

}  // namespace
}  // namespace nvhook::test
