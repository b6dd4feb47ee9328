// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/transient.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/fake_root.hpp"

namespace nvhook::systemd {
namespace {

using test::FakeRoot;
using ::testing::HasSubstr;

// A folder as systemd's, with the scope c1.scope in it.
class Transient : public ::testing::Test {
 protected:
  Transient() { folder_.file("/c1.scope", "[Scope]\nDelegate=yes\n"); }

  [[nodiscard]] std::string read(const std::string& path) const {
    std::ostringstream text;
    text << std::ifstream(folder_.on_disk(path)).rdbuf();
    return text.str();
  }
  [[nodiscard]] mode_t mode_of(const std::string& path) const {
    struct stat status {};
    EXPECT_EQ(::stat(folder_.on_disk(path).c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }

  FakeRoot folder_;
};

TEST_F(Transient, GivesTheUnitFileAndThenItsDropInsInOrder) {
  folder_.file("/c1.scope.d/50-DevicePolicy.conf", "DevicePolicy=strict")
      .file("/c1.scope.d/50-DeviceAllow.conf", "DeviceAllow=")
      .file("/c1.scope.d/other.txt", "no drop-in");

  const auto text = unit_files_of(folder_.fd(), "c1.scope");

  ASSERT_TRUE(text) << text.error().text();
  EXPECT_EQ(*text, "[Scope]\nDelegate=yes\n\nDeviceAllow=\nDevicePolicy=strict");
}

TEST_F(Transient, GivesTheUnitFileAloneWhereNothingWasChanged) {
  EXPECT_EQ(unit_files_of(folder_.fd(), "c1.scope"), "[Scope]\nDelegate=yes\n");
}

TEST_F(Transient, KnowsWhichScopesThereAreNot) {
  folder_.file("/c2.scope.d/50-nvhook.conf", "left over");

  for (const auto* scope : {"c2.scope", "c3.scope"}) {
    const auto text = unit_files_of(folder_.fd(), scope);

    ASSERT_FALSE(text) << scope;
    EXPECT_EQ(text.error().id(), ErrorId::Systemd);
    EXPECT_THAT(text.error().text(), HasSubstr(scope));
  }
}

TEST_F(Transient, ReadsNeitherLinksNorWhatSystemdWouldNotHaveWritten) {
  folder_.symlink("/c2.scope", "c1.scope").file("/c3.scope", std::string(300'000, '#'));

  EXPECT_FALSE(unit_files_of(folder_.fd(), "c2.scope"));
  EXPECT_FALSE(unit_files_of(folder_.fd(), "c3.scope"));
}

TEST_F(Transient, HasADropInWrittenWholeForAllToRead) {
  const auto masked = ::umask(0);
  const auto done = write_drop_in(folder_.fd(), "c1.scope", "[Scope]\n");
  ::umask(masked);

  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(read("/c1.scope.d/50-nvhook.conf"), "[Scope]\n");
  EXPECT_EQ(mode_of("/c1.scope.d/50-nvhook.conf"), 0644U);
  EXPECT_EQ(mode_of("/c1.scope.d"), 0755U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.on_disk("/c1.scope.d")), {}),
            1);
}

TEST_F(Transient, HasAnEarlierDropInReplaced) {
  folder_.file("/c1.scope.d/50-nvhook.conf", "of an earlier scope, and longer")
      .file("/c1.scope.d/50-nvhook.new", "of a run that was killed");

  ASSERT_TRUE(write_drop_in(folder_.fd(), "c1.scope", "new"));

  EXPECT_EQ(read("/c1.scope.d/50-nvhook.conf"), "new");
}

TEST_F(Transient, IsNotLeftThroughALink) {
  folder_.directory("/elsewhere").symlink("/c1.scope.d", "elsewhere");

  const auto done = write_drop_in(folder_.fd(), "c1.scope", "x");

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().id(), ErrorId::Systemd);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.on_disk("/elsewhere")));
}

TEST_F(Transient, IsLeftNoWordAboutAScopeThatIsNoMore) {
  const auto done = write_drop_in(folder_.fd(), "gone.scope", "x");

  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr("systemd has no scope"));
  EXPECT_FALSE(std::filesystem::exists(folder_.on_disk("/gone.scope.d")));
}

TEST_F(Transient, LosesAllThatWasSaidOfAScopeButSystemdsOwn) {
  folder_.file("/c8.scope.d/50-nvhook.conf")
      .file("/c9.scope.d/50-nvhook.conf")
      .file("/c9.scope.d/50-DeviceAllow.conf");

  for (const std::string scope : {"c8.scope", "c9.scope", "none.scope"})
    forget_scope(folder_.fd(), scope);

  EXPECT_FALSE(std::filesystem::exists(folder_.on_disk("/c8.scope.d")));
  EXPECT_FALSE(std::filesystem::exists(folder_.on_disk("/c9.scope.d/50-nvhook.conf")));
  EXPECT_TRUE(std::filesystem::exists(folder_.on_disk("/c9.scope.d/50-DeviceAllow.conf")));
}

TEST_F(Transient, LosesOurDropInAndNoOther) {
  folder_.file("/c1.scope.d/50-nvhook.conf").file("/c1.scope.d/50-DeviceAllow.conf");

  remove_drop_in(folder_.fd(), "c1.scope");
  remove_drop_in(folder_.fd(), "c1.scope");
  remove_drop_in(folder_.fd(), "c2.scope");

  EXPECT_FALSE(std::filesystem::exists(folder_.on_disk("/c1.scope.d/50-nvhook.conf")));
  EXPECT_TRUE(std::filesystem::exists(folder_.on_disk("/c1.scope.d/50-DeviceAllow.conf")));
}

}  // namespace
}  // namespace nvhook::systemd
