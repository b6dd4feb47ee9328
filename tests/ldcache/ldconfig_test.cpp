// SPDX-License-Identifier: Apache-2.0
// The cache that the real ldconfig writes, with its own listing as the judge of what is in it.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/ldcache/ldcache.hpp"
#include "support/fake_root.hpp"

namespace nvhook::ldcache {
namespace {

constexpr auto kLdconfig = "/sbin/ldconfig";

// What `command` prints; its exit status goes to `status`.
std::string output_of(const std::string& command, int& status) {
  std::string text;
  FILE* pipe = ::popen(("LC_ALL=C " + command).c_str(), "r");
  if (pipe == nullptr) return text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  status = ::pclose(pipe);
  return text;
}

// "libx.so.1 => /usr/lib/libx.so.1" of each line "\tlibx.so.1 (libc6,x86-64) =>
// /usr/lib/libx.so.1".
std::vector<std::string> listed(const std::string& listing) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while ((at = listing.find("\n\t", at)) != std::string::npos) {
    at += 2;
    const auto line = listing.substr(at, listing.find('\n', at) - at);
    lines.push_back(line.substr(0, line.find(" (")) + line.substr(line.find(" => ")));
  }
  return lines;
}

TEST(LdCache, AgreesWithLdconfigAboutWhatItWrote) {
  if (!std::filesystem::exists(kLdconfig)) GTEST_SKIP() << "no " << kLdconfig << " here";
  test::FakeRoot root;
  root.directory("/usr/lib").directory("/opt/x").file("/etc/ld.so.conf", "/opt/x\n");
  std::filesystem::copy_file(NVHOOK_TINY_LIBRARY, root.on_disk("/usr/lib/libnvhook-tiny.so.1.0"));
  std::filesystem::copy_file(NVHOOK_TINY_LIBRARY, root.on_disk("/opt/x/libother.so"));
  root.symlink("/usr/lib/libnvhook-tiny.so", "libnvhook-tiny.so.1.0");
  const auto file = root.on_disk("/etc/ld.so.cache").string();
  int status = 0;
  output_of(std::string(kLdconfig) + " -r " + root.on_disk().string() + " 2>&1", status);
  if (status != 0 && ::geteuid() != 0) GTEST_SKIP() << "ldconfig -r needs root: it calls chroot(2)";
  ASSERT_EQ(status, 0);
  const auto expected = listed(output_of(std::string(kLdconfig) + " -p -C " + file, status));
  ASSERT_THAT(expected, ::testing::SizeIs(::testing::Ge(3U)));

  std::ifstream in(file, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  const auto cache = parse(bytes_of(bytes));

  ASSERT_TRUE(cache) << cache.error().text();
  std::vector<std::string> ours;
  for (const auto& entry : cache->entries) {
    ours.push_back(std::string(entry.name) + " => " + std::string(entry.path));
    EXPECT_TRUE(fits(entry.flags, Abi::X86_64) || fits(entry.flags, Abi::AArch64));
  }
  EXPECT_EQ(ours, expected);
}

}  // namespace
}  // namespace nvhook::ldcache
