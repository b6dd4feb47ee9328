// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/image.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/fake_root.hpp"

namespace nvhook::container {
namespace {

class ImageInspection : public ::testing::Test {
 protected:
  Image image() {
    auto image = inspect({root_.fd()});
    EXPECT_TRUE(image) << image.error().text();
    return std::move(*image);
  }
  test::FakeRoot root_;
};

// The start of an ELF file: 64 bits, little endian, the machine's number at 18.
std::string loader(elf::Machine machine, elf::Class elf_class = elf::Class::Elf64) {
  std::string start(64, '\0');
  start.replace(0, 4,
                "\x7f"
                "ELF");
  start[4] = static_cast<char>(elf_class);
  start[5] = 1;
  start[6] = 1;
  start[16] = 3;
  start[18] = static_cast<char>(std::to_underlying(machine) & 0xffU);
  return start;
}

TEST_F(ImageInspection, PutsDebiansLibrariesIntoItsMultiarchDirectory) {
  root_.file("/etc/debian_version")
      .file("/lib64/ld-linux-x86-64.so.2", loader(elf::Machine::X86_64));

  const auto found = image();

  EXPECT_EQ(found.libc, Libc::Glibc);
  EXPECT_EQ(found.loader->machine, elf::Machine::X86_64);
  EXPECT_EQ(found.library_directory.value, "/usr/lib/x86_64-linux-gnu");
  EXPECT_EQ(found.library32_directory.value, "/usr/lib/i386-linux-gnu");
}

TEST_F(ImageInspection, PutsOthersIntoLib64) {
  root_.directory("/usr/lib").directory("/usr/lib64");

  EXPECT_EQ(image().library_directory.value, "/usr/lib64");
  EXPECT_EQ(image().library32_directory.value, "/usr/lib");
}

TEST_F(ImageInspection, DoesNotTakeOneDirectoryForBothSizes) {
  root_.directory("/usr/lib").symlink("/usr/lib64", "lib");

  EXPECT_EQ(image().library32_directory.value, "/usr/lib32");
}

TEST_F(ImageInspection, KnowsMusl) {
  root_.file("/lib/ld-musl-x86_64.so.1", loader(elf::Machine::X86_64));

  EXPECT_EQ(image().libc, Libc::Musl);
}

TEST_F(ImageInspection, SeesTheLoaderOfAnotherMachine) {
  root_.file("/lib/ld-linux-aarch64.so.1", loader(elf::Machine::AArch64));

  EXPECT_EQ(image().loader->machine, elf::Machine::AArch64);
}

TEST_F(ImageInspection, FollowsALoadersLinkInsideTheRootOnly) {
  root_.symlink("/lib64", "/usr/lib64")
      .file("/usr/lib64/ld-linux-x86-64.so.2", loader(elf::Machine::X86_64));

  EXPECT_EQ(image().libc, Libc::Glibc);
}

TEST_F(ImageInspection, FindsNoLoaderInWhatIsNone) {
  root_.directory("/etc").file("/lib64/ld-linux-x86-64.so.2", "#!/bin/sh\n");
  ASSERT_EQ(::mkfifo(root_.on_disk("/lib64/fifo").c_str(), 0600), 0);
  root_.symlink("/lib/ld-musl-x86_64.so.1", "/lib64/fifo");

  const auto found = image();

  EXPECT_EQ(found.libc, Libc::None);
  EXPECT_FALSE(found.empty);
}

TEST_F(ImageInspection, SaysWhenThereIsNothingAtAll) { EXPECT_TRUE(image().empty); }

}  // namespace
}  // namespace nvhook::container
