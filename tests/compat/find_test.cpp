// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/find.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "compat/cuda_note.hpp"
#include "nvhook/base/byte_reader.hpp"
#include "nvhook/elf/elf.hpp"
#include "nvhook/files/read.hpp"
#include "support/elf_image.hpp"
#include "support/fake_root.hpp"

namespace nvhook::compat {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kReal = "/usr/local/cuda-12.9/compat";

class CompatDirectory : public ::testing::Test {
 protected:
  std::variant<Libraries, Nothing> found() {
    auto found = find({root_.fd()});
    EXPECT_TRUE(found) << found.error().text();
    return found ? *std::move(found) : Nothing{"failed"};
  }
  // Where it is, or why there is none.
  std::string outcome() {
    const auto what = found();
    if (const auto* nothing = std::get_if<Nothing>(&what)) return nothing->why;
    return std::get<Libraries>(what).directory.value;
  }
  // As NVIDIA's image of CUDA 12.9 has them.
  void usual() {
    root_.symlink("/usr/local/cuda", "/etc/alternatives/cuda")
        .symlink("/etc/alternatives/cuda", "/usr/local/cuda-12.9");
    for (const auto* stem : {"libcuda.so", "libnvidia-ptxjitcompiler.so"})
      library(std::string(stem) + ".575.57.08", std::string(stem) + ".1");
    in_directory("libcuda.so", "libcuda.so.575.57.08");
  }
  void library(const std::string& name, const std::string& link) {
    root_.file(kReal + ("/" + name), libcuda_);
    in_directory(link, name);
  }
  void in_directory(const std::string& name, const std::string& target) {
    root_.symlink(kReal + ("/" + name), target);
  }

  const std::string libcuda_ = test::libcuda_with({});
  test::FakeRoot root_;
};

TEST_F(CompatDirectory, IsFoundThroughLinksInTheRoot) {
  usual();

  auto what = found();

  ASSERT_TRUE(std::holds_alternative<Libraries>(what)) << std::get<Nothing>(what).why;
  auto& libraries = std::get<Libraries>(what);
  EXPECT_EQ(libraries.directory.value, kReal);
  EXPECT_THAT(libraries.names,
              ElementsAre("libcuda.so.1", "libcuda.so.575.57.08", "libnvidia-ptxjitcompiler.so.1",
                          "libnvidia-ptxjitcompiler.so.575.57.08"));
  EXPECT_EQ(libraries.version, "575.57.08");
  EXPECT_EQ(*files::read_all(libraries.libcuda.get(), 100'000), libcuda_);
}

TEST_F(CompatDirectory, IsMissingInMostImages) {
  EXPECT_EQ(outcome(), "");
  root_.directory("/usr/local/cuda-12.9").symlink("/usr/local/cuda", "cuda-12.9");
  EXPECT_EQ(outcome(), "");
}

TEST_F(CompatDirectory, IsADirectory) {
  root_.file("/usr/local/cuda/compat", "x");
  EXPECT_THAT(outcome(), HasSubstr("Not a directory"));
}

TEST_F(CompatDirectory, IsNotFoundThroughALoop) {
  root_.symlink("/usr/local/cuda", "cuda");
  EXPECT_THAT(outcome(), HasSubstr("symbolic links"));
}

TEST_F(CompatDirectory, IsNeverOutsideTheRoot) {
  test::FakeRoot outside;
  outside.file("/compat/libcuda.so.575.57.08", libcuda_);

  root_.symlink("/usr/local/cuda", outside.on_disk("/").string());
  EXPECT_EQ(outcome(), "");
}

TEST_F(CompatDirectory, IsNeverAboveTheRoot) {
  test::FakeRoot outside;
  outside.file("/compat/libcuda.so.575.57.08", libcuda_);
  std::string up;
  for (int i = 0; i < 20; ++i) up += "../";

  root_.symlink("/usr/local/cuda", up + outside.on_disk("/").string().substr(1));
  EXPECT_EQ(outcome(), "");
}

TEST_F(CompatDirectory, HasNoLibraryThatLiesOutsideTheRoot) {
  test::FakeRoot outside;
  outside.file("/libcuda.so.575.57.08", libcuda_);
  root_.symlink("/usr/local/cuda/compat/libcuda.so.575.57.08",
                outside.on_disk("/libcuda.so.575.57.08").string());

  EXPECT_THAT(outcome(), HasSubstr("has no libcuda.so.<version>"));
}

TEST_F(CompatDirectory, MayHaveItsLibrariesElsewhereInTheRoot) {
  root_.file("/opt/compat/libcuda.so.575.57.08", libcuda_)
      .symlink("/usr/local/cuda/compat/libcuda.so.575.57.08", "/opt/compat/libcuda.so.575.57.08")
      .symlink("/usr/local/cuda/compat/libcuda.so.1", "libcuda.so.575.57.08");

  EXPECT_EQ(outcome(), "/usr/local/cuda/compat");
}

TEST_F(CompatDirectory, HasOneLibcuda) {
  usual();
  library("libcuda.so.570.124.06", "libcuda.so.570");

  EXPECT_THAT(outcome(), HasSubstr("two versions, 570.124.06 and 575.57.08"));
}

TEST_F(CompatDirectory, WithoutAVersionOfItsLibcudaHasNone) {
  for (const auto* name : {"libcuda.so", "libcuda.so.1", "libcuda.so.575.57.08.1",
                           "libcuda.so.575.57.x", "libcuda.so.575.", "libcuda.so.575.57.08 (1)"})
    root_.file(kReal + (std::string("/") + name), libcuda_);
  root_.symlink("/usr/local/cuda", "cuda-12.9");

  EXPECT_THAT(outcome(), HasSubstr("has no libcuda.so.<version>"));
}

TEST_F(CompatDirectory, HasOnlyFilesOfThisMachine) {
  usual();
  const auto other = test::ElfImage{
      .machine = 21,  // EM_PPC64
      .soname = "",
      .needed = {},
      .notes = {}}.bytes();
  root_.file(kReal + std::string("/libcuda.so.570.124.06"), other)
      .file(kReal + std::string("/libx.so.1"), "no ELF file")
      .file(kReal + std::string("/liby.so.1"))
      .directory(kReal + std::string("/libcuda.so.560.28.03"))
      .symlink(kReal + std::string("/libz.so.1"), "nowhere");
  const auto fifo = root_.on_disk(kReal + std::string("/libcuda.so.575.1"));
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);

  const auto what = found();

  ASSERT_TRUE(std::holds_alternative<Libraries>(what)) << std::get<Nothing>(what).why;
  EXPECT_THAT(std::get<Libraries>(what).names, ::testing::SizeIs(4));
}

TEST_F(CompatDirectory, WithAFifoForItsLibcudaHasNone) {
  root_.directory("/usr/local/cuda/compat");
  const auto fifo = root_.on_disk("/usr/local/cuda/compat/libcuda.so.575.1");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);

  EXPECT_THAT(outcome(), HasSubstr("has no libcuda.so.<version>"));
}

TEST_F(CompatDirectory, WithAGreatManyNamesIsLeftAlone) {
  usual();
  for (std::size_t i = 0; i < kMaxNames; ++i) root_.file(kReal + ("/n" + std::to_string(i)));

  EXPECT_THAT(outcome(), HasSubstr("more than 256 names"));
}

}  // namespace
}  // namespace nvhook::compat
