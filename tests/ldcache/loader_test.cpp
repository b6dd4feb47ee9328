// SPDX-License-Identifier: Apache-2.0
// The dynamic loader itself as the judge of a merged cache: what it takes for a name.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/ldcache/merge.hpp"
#include "support/cache_image.hpp"
#include "support/command.hpp"
#include "support/fake_root.hpp"

namespace nvhook::ldcache {
namespace {

namespace fs = std::filesystem;
using test::CacheImage;
using ::testing::HasSubstr;

constexpr auto kLoader = "/lib64/ld-linux-x86-64.so.2";
constexpr auto kName = "libnvhook-tiny.so.1";
const std::string kOurs = "/ours/libnvhook-tiny.so.1";
const std::string kImages = "/image/libnvhook-tiny.so.1";

// A root with this machine's loader, a program, and the library in two directories that the loader
// knows from the cache only.
class LdCacheInTheLoader : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: chroot(2)";
    if (!fs::exists(kLoader)) GTEST_SKIP() << "needs " << kLoader;
    root_.directory("/etc");
    copy_in(kLoader, kLoader);
    copy_in("/bin/true", "/bin/true");
    copy_in("/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6");
    for (const auto& path : {kOurs, kImages}) copy_in(NVHOOK_TINY_LIBRARY, path);
  }

  void copy_in(const fs::path& from, const std::string& to) {
    root_.directory(fs::path(to).parent_path().string());
    fs::copy_file(fs::canonical(from), root_.on_disk(to));
  }

  // Merges ours into the image's cache, and asks the loader.
  std::string found_with(const std::string& present) {
    const std::vector<Library> ours = {{kName, kOurs, Abi::X86_64}};
    const auto merged = merge(bytes_of(present), ours, "nvhook");
    if (!merged) return merged.error().text();
    write(*merged);
    return found();
  }

  void write(const std::string& cache) {
    std::ofstream(root_.on_disk("/etc/ld.so.cache"), std::ios::binary) << cache;
  }

  // "name => path (address)", a line for each that is loaded.
  std::string found() {
    const auto listed =
        test::run({"chroot", root_.on_disk(), kLoader, "--preload", kName, "--list", "/bin/true"});
    return listed.out + listed.err;
  }

  test::FakeRoot root_;
};

std::string line_of(const std::string& path) { return std::string(kName) + " => " + path + " ("; }

// The control.
TEST_F(LdCacheInTheLoader, IsAllThatItKnowsOfThem) {
  EXPECT_THAT(found(), HasSubstr("cannot be preloaded"));
}

TEST_F(LdCacheInTheLoader, NamesOursWhereThereWasNone) {
  EXPECT_THAT(found_with(""), HasSubstr(line_of(kOurs)));
}

TEST_F(LdCacheInTheLoader, NamesOursBeforeTheImages) {
  CacheImage image;
  image.entries = {{kName, kImages}};
  EXPECT_THAT(found_with(image.bytes()), HasSubstr(line_of(kOurs)));
  image.old_entries = 2;
  EXPECT_THAT(found_with(image.bytes()), HasSubstr(line_of(kOurs)));
}

// Of a folder for better processors, of which every x86-64-v2 is one. Its name is the first of the
// strings, behind the entries.
TEST_F(LdCacheInTheLoader, NamesOursBeforeTheImagesBetterOne) {
  constexpr std::uint64_t kInFolder = std::uint64_t{1} << 62U;
  CacheImage image;
  image.entries = {{"x86-64-v2", "/x"}, {kName, kImages, 0x0303, kInFolder}, {kName, "/none"}};
  image.extensions = {{1, std::string("\x78\0\0\0", 4)}};
  write(image.bytes());
  ASSERT_THAT(found(), HasSubstr(line_of(kImages))) << "it would be taken first";

  EXPECT_THAT(found_with(image.bytes()), HasSubstr(line_of(kOurs)));
}

// Whatever the image's cache has besides, and in what order.
TEST_F(LdCacheInTheLoader, NamesOursAmongThousands) {
  CacheImage image;
  for (int i = 0; i < 3000; ++i) {
    const auto name = "lib" + std::to_string(i * 7919 % 3000) + "nv.so." + std::to_string(i % 7);
    image.entries.push_back({name, "/image/" + name});
  }

  EXPECT_THAT(found_with(image.bytes()), HasSubstr(line_of(kOurs)));
}

TEST_F(LdCacheInTheLoader, StillNamesTheImagesOwn) {
  CacheImage image;
  image.entries = {{"libnvhook-tiny.so", kImages}};
  const auto merged =
      merge(bytes_of(image.bytes()), std::vector<Library>{{"libcuda.so.1", "/ours/x", Abi::X86_64}},
            "nvhook");
  ASSERT_TRUE(merged);
  write(*merged);

  const auto listed = test::run({"chroot", root_.on_disk(), kLoader, "--preload",
                                 "libnvhook-tiny.so", "--list", "/bin/true"});

  EXPECT_THAT(listed.out + listed.err, HasSubstr("libnvhook-tiny.so => " + kImages + " ("));
}

}  // namespace
}  // namespace nvhook::ldcache
