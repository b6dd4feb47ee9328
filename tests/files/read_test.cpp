// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/read.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/fake_root.hpp"

namespace nvhook::files {
namespace {

TEST(ReadFile, ReadsUpToTheCapAndNotBeyond) {
  test::FakeRoot root;
  root.file("/f", std::string(100, 'x'));

  EXPECT_EQ(read_file(root.fd(), "f", 100, Lookup::Plain)->size(), 100U);
  EXPECT_EQ(read_file(root.fd(), "f", 99, Lookup::Plain).error().code(), std::errc::file_too_large);
}

TEST(ReadFile, ReadsMoreThanOneChunk) {
  test::FakeRoot root;
  root.file("/f", std::string(200'000, 'x'));

  EXPECT_EQ(read_file(root.fd(), "f", 1U << 20U, Lookup::Plain)->size(), 200'000U);
}

TEST(ReadFile, DoesNotWaitForAFifo) {
  test::FakeRoot root;
  ASSERT_EQ(::mkfifo(root.on_disk("/fifo").c_str(), 0600), 0);

  EXPECT_EQ(read_file(root.fd(), "fifo", 10, Lookup::Plain).error().code(),
            std::errc::invalid_argument);
}

TEST(ReadFile, ReadsProcfsFilesOfUnknownSize) {
  const auto proc = open_host_directory("/proc", ErrorId::Kernel);

  ASSERT_TRUE(proc);
  const auto text = read_file(proc->get(), "version", 4096, Lookup::Plain);
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_TRUE(text->starts_with("Linux"));
}

}  // namespace
}  // namespace nvhook::files
