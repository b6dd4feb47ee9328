// SPDX-License-Identifier: Apache-2.0
// The loaders and the ldconfigs of several glibcs as the judges of a merged cache.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "ldcache/listing.hpp"
#include "nvhook/base/byte_reader.hpp"
#include "nvhook/ldcache/ldcache.hpp"
#include "nvhook/ldcache/merge.hpp"
#include "support/command.hpp"
#include "support/fake_root.hpp"
#include "support/launch.hpp"

namespace nvhook::ldcache {
namespace {

namespace fs = std::filesystem;
using test::listed;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

struct Glibc {
  std::string version;
  std::string suite;  // of Debian
  // A folder for better processors, of which every one of today is.
  std::string better;
  // Of its caches, as ldconfig calls it: "new", or "compat", which has an old block in front.
  std::string layout = "new";

  // Behind an old block no loader finds the name of a glibc-hwcaps folder.
  [[nodiscard]] bool finds_better() const { return layout == "new" || better == "tls"; }

  friend std::ostream& operator<<(std::ostream& out, const Glibc& glibc) {
    return out << "glibc " << glibc.version << ", layout " << glibc.layout;
  }
};

constexpr auto kProbe = "/usr/bin/dlopen-probe";

// In a folder of ours, and in one where loaders look without a cache, too.
const std::vector<Library> kOurs = {
    {"libcuda.so.1", "/ours/libcuda.so.1", Abi::X86_64},
    {"libnvidia-ml.so.1", "/ours/libnvidia-ml.so.1", Abi::X86_64},
    {"libEGL_nvidia.so.0", "/usr/lib/x86_64-linux-gnu/libEGL_nvidia.so.0", Abi::X86_64}};

const std::vector<std::string> kOurNames = {"libcuda.so.1", "libnvidia-ml.so.1",
                                            "libEGL_nvidia.so.0"};

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// As a line of the probe, and as one of listed().
std::string found_at(std::string_view name, std::string_view path) {
  return std::string(name) + ": " + std::string(path);
}
std::string entry_of(std::string_view name, std::string_view path) {
  return std::string(name) + " => " + std::string(path);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// With /usr/lib for /lib, which leads there, and without those that this makes the same.
std::vector<std::string> by_one_path(std::vector<std::string> lines) {
  for (auto& line : lines)
    if (const auto at = line.find(" /lib/"); at != line.npos) line.insert(at + 1, "/usr");
  const auto rest = std::ranges::unique(lines);
  lines.erase(rest.begin(), rest.end());
  return lines;
}

std::vector<std::string> names_in(const std::string& cache) {
  std::vector<std::string> names;
  const auto parsed = parse(bytes_of(cache));
  EXPECT_TRUE(parsed);
  if (parsed)
    for (const auto& entry : parsed->entries) names.emplace_back(entry.name);
  return names;
}

// A root with the C library of a distribution. Its image has a libcuda.so.1 of its own, and another
// library, in a folder of its ld.so.conf.
class LdCacheOfGlibc : public ::testing::TestWithParam<Glibc> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: chroot(2)";
    const auto made = fs::path(NVHOOK_ROOTS) / (GetParam().suite + "-libc");
    ASSERT_EQ(test::run({"cp", "-a", made / ".", root_.on_disk()}).status, 0);
    fs::copy_file(NVHOOK_DLOPEN_PROBE, root_.on_disk(kProbe));
    root_.file("/etc/ld.so.conf.d/image.conf", "/opt/image\n");
    library("libcuda.so.1", "/opt/image/libcuda.so.1");
    library("libimage.so.1", "/opt/image/libimage.so.1");
    for (const auto& ours : kOurs) library(ours.name, ours.path);
  }

  // A library with that SONAME: the tiny one's, which is longer, is overwritten.
  void library(std::string_view soname, std::string_view path) {
    constexpr std::string_view kTiny = "libnvhook-tiny.so.1";
    auto bytes = read(NVHOOK_TINY_LIBRARY);
    const auto at = bytes.find(std::string(kTiny) + '\0');
    ASSERT_NE(at, bytes.npos);
    ASSERT_LE(soname.size(), kTiny.size());
    bytes.replace(at, kTiny.size(), std::string(soname).append(kTiny.size() - soname.size(), '\0'));
    root_.file(path, bytes);
  }

  // A better one of the image's, at this path.
  std::string better_library(const std::string& name) {
    const auto path = "/opt/image/" + GetParam().better + "/" + name;
    library(name, path);
    return path;
  }

  test::Ended run_inside(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& environment = {}) {
    return test::launch({.arguments = arguments, .environment = environment, .before = [this] {
                           if (::chroot(root_.on_disk().c_str()) != 0 || ::chdir("/") != 0)
                             ::_exit(1);
                         }});
  }

  // The cache that this glibc's own ldconfig writes.
  std::string ldconfig() {
    const auto ended = run_inside({"/sbin/ldconfig", "-c", GetParam().layout});
    EXPECT_EQ(ended.status, 0) << ended.err;
    return cache();
  }
  std::string cache() { return read(root_.on_disk("/etc/ld.so.cache")); }

  // Exchanges the cache for one with ours in it.
  void merge_ours(const std::string& present) {
    const auto merged = merge(bytes_of(present), kOurs, "nvhook");
    ASSERT_TRUE(merged) << merged.error().text();
    root_.file("/etc/ld.so.cache", *merged);
  }

  std::vector<std::string> listing() {
    const auto ended = run_inside({"/sbin/ldconfig", "-p"});
    EXPECT_EQ(ended.status, 0);
    EXPECT_EQ(ended.err, "");
    return listed(ended.out);
  }

  test::Ended probe(std::vector<std::string> names,
                    const std::vector<std::string>& environment = {}) {
    names.insert(names.begin(), kProbe);
    return run_inside(names, environment);
  }
  // What this glibc's loader takes for each name: lines of found_at().
  std::vector<std::string> found(const std::vector<std::string>& names) {
    return lines_of(probe(names).out);
  }

  test::FakeRoot root_;
};

std::vector<std::string> ours_found() {
  std::vector<std::string> lines;
  for (const auto& ours : kOurs) lines.push_back(found_at(ours.name, ours.path));
  return lines;
}

TEST_P(LdCacheOfGlibc, IsOfThatVersion) {
  const auto ended = run_inside({"/lib/x86_64-linux-gnu/libc.so.6"});

  EXPECT_THAT(ended.out, HasSubstr("release version " + GetParam().version + ".\n"));
}

// The control.
TEST_P(LdCacheOfGlibc, IsAllThatNamesOurs) {
  ldconfig();

  EXPECT_THAT(found(kOurNames),
              ElementsAre("libcuda.so.1: /opt/image/libcuda.so.1",
                          HasSubstr("cannot open shared object file"),
                          "libEGL_nvidia.so.0: /lib/x86_64-linux-gnu/libEGL_nvidia.so.0"));
}

TEST_P(LdCacheOfGlibc, NamesOursBeforeTheImages) {
  merge_ours(ldconfig());

  EXPECT_EQ(found(kOurNames), ours_found());
  const auto searched = probe(kOurNames, {"LD_DEBUG=libs"}).err;
  EXPECT_THAT(searched, HasSubstr("search cache=/etc/ld.so.cache"));
  EXPECT_THAT(searched, Not(HasSubstr("system search path"))) << "not by the cache";
}

TEST_P(LdCacheOfGlibc, NamesOursBeforeTheImagesBetterOne) {
  const auto better = better_library("libcuda.so.1");
  const auto present = ldconfig();
  ASSERT_THAT(names_in(present), Contains("libcuda.so.1").Times(2));
  if (GetParam().finds_better()) {
    ASSERT_THAT(found({"libcuda.so.1"}), ElementsAre(found_at("libcuda.so.1", better)));
  }

  merge_ours(present);

  EXPECT_EQ(found(kOurNames), ours_found());
}

TEST_P(LdCacheOfGlibc, StillNamesAllThatItNamed) {
  const auto better = better_library("libimage.so.1");
  const auto present = ldconfig();
  auto names = names_in(present);
  std::erase_if(names, [](const auto& name) { return std::ranges::count(kOurNames, name) != 0; });
  ASSERT_THAT(names, IsSupersetOf({"libc.so.6", "libm.so.6", "libimage.so.1"}));
  const auto before = found(names);
  EXPECT_THAT(before,
              Contains(found_at("libimage.so.1",
                                GetParam().finds_better() ? better : "/opt/image/libimage.so.1")));
  EXPECT_THAT(before, Contains("libm.so.6: /lib/x86_64-linux-gnu/libm.so.6"));

  merge_ours(present);

  EXPECT_EQ(found(names), before);
  EXPECT_THAT(probe(names, {"LD_DEBUG=libs"}).err, Not(HasSubstr("system search path")));
}

TEST_P(LdCacheOfGlibc, IsListedByItsLdconfig) {
  const auto present = ldconfig();
  auto expected = listing();
  for (const auto& ours : kOurs) expected.push_back(entry_of(ours.name, ours.path));

  merge_ours(present);

  const auto merged = listing();
  EXPECT_THAT(merged, UnorderedElementsAreArray(expected));
  const auto bytes = cache();
  const auto parsed = parse(bytes_of(bytes));
  ASSERT_TRUE(parsed);
  std::vector<std::string> entries;
  for (const auto& entry : parsed->entries) entries.push_back(entry_of(entry.name, entry.path));
  EXPECT_EQ(merged, entries);
}

// Told of our folder before the image's, its ldconfig writes the same, in the same order. (A folder
// that has two paths it takes once, by the first that it is told.)
TEST_P(LdCacheOfGlibc, IsAsItsLdconfigWouldWriteIt) {
  merge_ours(ldconfig());
  const auto merged = found(kOurNames);
  const auto merged_listing = by_one_path(listing());

  root_.file("/etc/ld.so.conf.d/0-ours.conf", "/ours\n");
  ldconfig();

  EXPECT_EQ(by_one_path(found(kOurNames)), by_one_path(merged));
  EXPECT_EQ(by_one_path(listing()), merged_listing);
}

TEST_P(LdCacheOfGlibc, NamesOursAlone) {
  ASSERT_FALSE(fs::exists(root_.on_disk("/etc/ld.so.cache")));
  merge_ours("");

  EXPECT_EQ(found(kOurNames), ours_found());
  EXPECT_THAT(found({"libm.so.6", "libimage.so.1"}),
              ElementsAre("libm.so.6: /lib/x86_64-linux-gnu/libm.so.6",
                          HasSubstr("cannot open shared object file")));
  EXPECT_EQ(listing().size(), kOurs.size());
}

std::vector<Glibc> glibcs() {
  std::vector<Glibc> all = {{"2.31", "bullseye", "tls"},
                            {"2.36", "bookworm", "glibc-hwcaps/x86-64-v2"},
                            {"2.41", "trixie", "glibc-hwcaps/x86-64-v2"}};
  for (auto glibc : std::vector(all)) {
    glibc.layout = "compat";
    all.push_back(glibc);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Of, LdCacheOfGlibc, ::testing::ValuesIn(glibcs()), [](const auto& glibc) {
  return glibc.param.suite + "_" + glibc.param.layout;
});

}  // namespace
}  // namespace nvhook::ldcache
