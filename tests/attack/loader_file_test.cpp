// SPDX-License-Identifier: Apache-2.0
// Family L, second part: what stands where the loader's file is, on the way to it and beside it.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "attack/loader_cache.hpp"
#include "attack/special_files.hpp"
#include "attack/verdict.hpp"
#include "support/elf_image.hpp"
#include "support/sanitized.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class LoaderFile : public LoaderCache {
 protected:
  void expect_plain(const std::string& path) {
    struct stat status {};
    ASSERT_EQ(::lstat(container().inside(path).c_str(), &status), 0) << path;
    EXPECT_TRUE(S_ISREG(status.st_mode));
    EXPECT_EQ(status.st_nlink, 1U);
  }

  [[nodiscard]] std::string content(const std::string& path) {
    std::ifstream in(container().inside(path), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
};

TEST_P(LoaderFile, L15_ItIsALinkThatMeansNothingInside) {
  victim().file("/cache", honest_cache());
  for (const auto& text :
       {victim().on_disk("/cache").string(), victim().on_disk("/new").string(),
        std::string("../../../../../../etc/ld.so.cache"), std::string("/proc/self/exe"),
        std::string("/proc/self/fd/0"), std::string("/proc/1/root/etc/ld.so.cache"),
        std::string("/etc"), std::string("ld.so.cache"), std::string("/dev/null")}) {
    SCOPED_TRACE(text);
    start_over();
    image().symlink(kCache, text);

    contained();

    expect_in_order(kCache, {});
    expect_plain(kCache);
  }
}

TEST_P(LoaderFile, L15_ItIsALinkIntoAVolume) {
  for (const auto* text : {"/volume/cache", "/volume/none", "../volume/cache"}) {
    SCOPED_TRACE(text);
    start_over();
    victim().file("/cache", honest_cache());
    image().directory("/volume").symlink(kCache, text);
    scene().container.volumes = {{victim().on_disk().string(), "/volume"}};

    contained();

    expect_in_order(kCache, {});
    expect_plain(kCache);
  }
}

// What the link leads to inside is read, and stays.
TEST_P(LoaderFile, L15_ItIsALinkToAnotherFileOfTheImages) {
  for (const auto* text : {"/var/cache/ld", "../var/cache/ld", "/../../../var/cache/ld"}) {
    SCOPED_TRACE(text);
    start_over();
    image().symlink(kCache, text).file("/var/cache/ld", honest_cache());

    merged(honest_cache());

    expect_plain(kCache);
    EXPECT_EQ(content("/var/cache/ld"), honest_cache());
  }
}

TEST_P(LoaderFile, L15_ItIsAHardLinkToAnImportantFile) {
  image().file("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
  fs::create_hard_link(image().on_disk("/etc/passwd"), image().on_disk(kCache));

  exchanged();

  expect_plain(kCache);
  EXPECT_EQ(content("/etc/passwd"), "root:x:0:0::/:/bin/sh\n");
}

TEST_P(LoaderFile, L15_ItIsADirectoryOrASpecialFile) {
  image().directory(kCache);

  left();

  for (const auto& thing : special_files()) {
    SCOPED_TRACE(thing.what);
    start_over();
    image().directory("/etc");
    ASSERT_EQ(thing.make(image().on_disk(kCache)), 0);

    left();
  }
}

TEST_P(LoaderFile, L15_ItIsALinkToASpecialFile) {
  for (const auto& thing : special_files()) {
    SCOPED_TRACE(thing.what);
    start_over();
    image().directory("/etc").symlink(kCache, "thing");
    ASSERT_EQ(thing.make(image().on_disk("/etc/thing")), 0);

    contained();

    expect_in_order(kCache, {});
    expect_plain(kCache);
  }
}

TEST_P(LoaderFile, L15_ItIsAVolume) {
  victim().file("/cache", honest_cache());
  image().file(kCache, honest_cache());
  scene().container.volumes = {{victim().on_disk("/cache").string(), kCache}};

  left();
}

TEST_P(LoaderFile, L16_ItsDirectoryIsALinkOutOfTheRoot) {
  for (const auto* text : {"/", ".", "../../..", "/..", "./../"}) {
    SCOPED_TRACE(text);
    start_over();
    fs::remove_all(image().on_disk("/etc"));
    image()
        .symlink("/etc", text)
        .file("/debian_version", "12.0\n")
        .file("/ld.so.cache", honest_cache());

    contained();

    expect_in_order("/ld.so.cache", honest_cache());
  }
}

TEST_P(LoaderFile, L16_ItsDirectoryIsALinkToNothingInside) {
  for (const auto& text : {victim().on_disk("/directory").string(), std::string("/proc/1/root/etc"),
                           std::string("/proc/self/cwd"), std::string("etc"), std::string("/proc"),
                           std::string("/dev")}) {
    SCOPED_TRACE(text);
    start_over();
    fs::remove_all(image().on_disk("/etc"));
    image().symlink("/etc", text);

    left();
  }
}

TEST_P(LoaderFile, L16_ItsDirectoryIsAFileOrASpecialFile) {
  fs::remove_all(image().on_disk("/etc"));
  image().file("/etc", "a file");

  left();

  for (const auto& thing : special_files()) {
    SCOPED_TRACE(thing.what);
    start_over();
    fs::remove_all(image().on_disk("/etc"));
    ASSERT_EQ(thing.make(image().on_disk("/etc")), 0);

    left();
  }
}

TEST_P(LoaderFile, L16_ItsDirectoryIsAVolume) {
  victim().file("/debian_version", "12.0\n").file("/ld.so.cache", honest_cache());
  scene().container.volumes = {{victim().on_disk().string(), "/etc"}};

  left();
}

// The file is mounted over; a root that cannot be written is not written.
TEST_P(LoaderFile, L16_TheRootIsReadOnly) {
  for (const auto& cache : {HostileCache{"honest", honest_cache(), CacheFate::Merged},
                            HostileCache{"damaged", "nonsense", CacheFate::Exchanged}}) {
    SCOPED_TRACE(cache.what);
    start_over();
    put(cache);
    scene().container.root_flags = MS_RDONLY;
    scene().traced = true;

    contained();

    EXPECT_EQ(outcome().plan.loader.action, "bind");
    expect_in_order(kCache, cache.bytes);
    EXPECT_EQ(fs::file_size(image().on_disk(kCache)), cache.bytes.size());
  }
}

TEST_P(LoaderFile, L16_TheRootIsReadOnlyAndThereIsNothingToMountOn) {
  for (const auto* text : {"", "/debian_version", "nothing"}) {
    SCOPED_TRACE(text);
    start_over();
    if (*text != '\0') image().symlink(kCache, text);
    scene().container.root_flags = MS_RDONLY;

    left();
  }
}

// The number of the hook's process can be guessed: each that comes next has all names that it may
// use but the last.
TEST_P(LoaderFile, L17_TemporaryNamesAreThereAlready) {
  constexpr int kTaken = 12;
  constexpr int kNext = 64;
  for (int i = 1; i <= kNext; ++i) {
    const auto name = "/etc/.ld.so.cache.nvhook-" + std::to_string(::getpid() + i);
    image().symlink(name, victim().on_disk("/made").string());
  }
  scene().names_compared = false;
  scene().before = [etc = image().on_disk("/etc"), made = victim().on_disk("/made")] {
    const auto name = etc / (".ld.so.cache.nvhook-" + std::to_string(::getpid()));
    fs::remove(name);
    fs::create_symlink(made, name);
    for (int i = 1; i < kTaken; ++i)
      fs::create_symlink(made, name.string() + "." + std::to_string(i));
  };

  contained();

  expect_in_order(kCache, {});
  expect_plain(kCache);
  EXPECT_FALSE(fs::exists(victim().on_disk("/made")));
}

// Neither is looked at, whatever is in it.
TEST_P(LoaderFile, L18_TheLoadersSettingsAreHostile) {
  image()
      .file("/etc/ld.so.conf",
            "include ../../../../etc/*\ninclude /proc/*/environ\n"
            "include /etc/ld.so.conf\ninclude */*/*/*/*/*\n" +
                std::string(1 << 20, 'x') + std::string("\0\x7f\xff", 3))
      .file("/etc/ld.so.conf.d/00-itself.conf", "include /etc/ld.so.conf.d/*.conf\n")
      .file(kCache, honest_cache());
  for (int i = 0; i < 500; ++i)
    image().file("/etc/ld.so.conf.d/" + std::to_string(i) + ".conf",
                 "include /etc/ld.so.conf.d/" + std::to_string(i + 1) + ".conf\n");
  image().symlink("/etc/ld.so.preload", "/proc/self/exe");
  scene().traced = true;

  merged(honest_cache());

  EXPECT_THAT(calls_with("ld.so.conf\""), IsEmpty());
  // A sanitized hook has a loader, which looks for the host's.
  EXPECT_THAT(calls_with("ld.so.preload"), ::testing::SizeIs(kSanitized ? 1 : 0));
  EXPECT_THAT(calls_with(".conf\""), ::testing::Each(HasSubstr("00-nvhook.conf")));
}

TEST_P(LoaderFile, L18_TheDirectoryOfSettingsIsALink) {
  for (const auto& text : {victim().on_disk("/directory").string(), std::string("/"),
                           std::string("../../.."), std::string("/proc/1/root")}) {
    SCOPED_TRACE(text);
    start_over();
    image().symlink("/etc/ld.so.conf.d", text);

    contained();

    expect_in_order(kCache, {});
  }
}

TEST_P(LoaderFile, L18_TheSettingOfOursIsThereAlready) {
  const auto ours = std::string("/etc/ld.so.conf.d/00-nvhook.conf");
  image().file(ours, "the image's");

  contained();

  EXPECT_EQ(content(ours), "the image's");
  for (const auto& thing : special_files()) {
    SCOPED_TRACE(thing.what);
    start_over();
    image().directory("/etc/ld.so.conf.d");
    ASSERT_EQ(thing.make(image().on_disk(ours)), 0);

    contained();
  }
}

TEST_P(LoaderFile, L19_LibrariesOfTheImageAreHostile) {
  constexpr int kLibraries = 300;
  const std::string magic(
      "\x7f"
      "ELF\x02\x01\x01",
      7);
  for (int i = 0; i < kLibraries; ++i) {
    const auto name = "libhostile" + std::to_string(i) + ".so";
    image().file(std::string(kLibraryDirectory) + "/" + name, magic + std::string(57, '\xff'));
  }
  image().symlink(std::string(kLibraryDirectory) + "/libhostile.so.1", "/proc/self/exe");
  ASSERT_EQ(
      ::mkfifo(image().on_disk(std::string(kLibraryDirectory) + "/libhostile.so.2").c_str(), 0600),
      0);
  scene().traced = true;

  merged({});

  EXPECT_THAT(calls_with("libhostile"), IsEmpty());
}

// Nothing is executed: there is no program whose file the image could reach.
TEST_P(LoaderFile, L20_TheImageReachesForAProgramThatUpdatesTheCache) {
  for (const auto* program : {"/sbin/ldconfig", "/sbin/ldconfig.real", "/usr/sbin/ldconfig"})
    image().symlink(program, "/proc/self/exe");
  image().symlink(kCache, "/proc/self/exe").symlink("/etc/ld.so.cache~", "/proc/self/exe");
  scene().traced = true;

  contained();

  expect_in_order(kCache, {});
  EXPECT_THAT(calls_with("ldconfig"), IsEmpty());
  EXPECT_EQ(fs::read_symlink(image().on_disk("/etc/ld.so.cache~")), "/proc/self/exe");
}

TEST_P(LoaderFile, L21_SettingsAskToRunTheImagesLdconfig) {
  for (const auto* key : {"ldconfig = \"/sbin/ldconfig\"", "ldconfig = \"@/sbin/ldconfig\"",
                          "[nvidia-container-cli]\nldconfig = \"/sbin/ldconfig\""}) {
    SCOPED_TRACE(key);
    start_over();
    FakeRoot settings;
    settings.file(
        "/config.toml",
        std::string(key) + "\n" +
            (GetParam().layout == Layout::Tree ? "[container]\nlayout = \"tree\"\n" : ""));
    image().file("/sbin/ldconfig", "#!/bin/sh\ntouch /executed\n");
    fs::permissions(image().on_disk("/sbin/ldconfig"), fs::perms{0755});
    scene().options = {"--config", settings.on_disk("/config.toml")};
    scene().traced = true;

    skipped("W_CONFIG_KEY");

    EXPECT_THAT(calls_with("ldconfig\""), IsEmpty());
    EXPECT_FALSE(fs::exists(image().on_disk("/executed")));
  }
}

TEST_P(LoaderFile, L22_TheListOfMuslIsALink) {
  for (const auto& text : {victim().on_disk("/file").string(), victim().on_disk("/new").string(),
                           std::string("../../../../etc/shadow"), std::string("/proc/self/environ"),
                           std::string("/proc/self/fd/0"), std::string("ld-musl-x86_64.path")}) {
    SCOPED_TRACE(text);
    start_over();
    become_musl();
    image().symlink(kMuslPath, text);

    skipped("W_MUSL");

    EXPECT_EQ(outcome().plan.loader.action, "musl-path");
    expect_plain(kMuslPath);
    EXPECT_THAT(content(kMuslPath), StartsWith("/lib\n/usr/local/lib\n/usr/lib\n"));
  }
}

TEST_P(LoaderFile, L22_TheListOfMuslIsHuge) {
  constexpr std::uintmax_t kMiB = 1U << 20U;
  for (const auto size : {4 * kMiB + 1, 8192 * kMiB}) {
    start_over();
    become_musl();
    image().file(kMuslPath, "/lib\n");
    fs::resize_file(image().on_disk(kMuslPath), size);

    left();
  }
}

TEST_P(LoaderFile, L22_TheListOfMuslIsNonsense) {
  for (const auto& text :
       {std::string(1 << 20, ':'), std::string(1 << 20, '\n'), std::string(4096, '\0'),
        std::string("\x1b[2J/lib"), std::string("../../..:relative")}) {
    start_over();
    become_musl();
    image().file(kMuslPath, text);

    skipped("W_MUSL");

    const auto read = text.substr(0, text.find('\0'));  // by musl, and so kept
    EXPECT_THAT(content(kMuslPath), StartsWith(read));
    for (const auto& directory : outcome().plan.loader.directories)
      EXPECT_THAT(content(kMuslPath).substr(read.size()), HasSubstr(directory + "\n"));
  }
}

TEST_P(LoaderFile, L22_TheListOfMuslIsADirectoryOrASpecialFile) {
  become_musl();
  image().directory(kMuslPath);

  left();

  for (const auto& thing : special_files()) {
    SCOPED_TRACE(thing.what);
    start_over();
    become_musl();
    ASSERT_EQ(thing.make(image().on_disk(kMuslPath)), 0);

    left();
  }
}

TEST_P(LoaderFile, L23_ThereIsNoEtc) {
  fs::remove_all(image().on_disk("/etc"));

  left();

  EXPECT_FALSE(fs::exists(image().on_disk("/etc")));
}

TEST_P(LoaderFile, L23_ThereIsNoLoader) {
  fs::remove_all(image().on_disk("/lib64"));
  image().file(kCache, honest_cache());

  contained();

  EXPECT_EQ(outcome().plan.loader.action, "none");
}

INSTANTIATE_TEST_SUITE_P(Kernel, LoaderFile, ::testing::ValuesIn(variants_of_each_layout()),
                         name_of_instance);

}  // namespace
}  // namespace nvhook::test
