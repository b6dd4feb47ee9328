// SPDX-License-Identifier: Apache-2.0
// What of a dead container is taken away, by the poststop hook and by nvhook cleanup.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>

#include "integration/bundle.hpp"
#include "support/launch.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr auto kRecords = "/run/nvhook";

std::vector<fs::path> records() {
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator(kRecords)) all.push_back(entry.path());
  return all;
}

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Each name below the directory with its type, mode, owner and text.
std::vector<std::string> names_below(const fs::path& top) {
  std::vector<std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    struct stat status {};
    ::lstat(entry.path().c_str(), &status);
    std::ostringstream line;
    line << entry.path().lexically_relative(top).string() << ' ' << std::oct << status.st_mode
         << std::dec << ' ' << status.st_uid << ' ' << status.st_gid << ' ';
    if (entry.is_symlink())
      line << fs::read_symlink(entry.path()).string();
    else if (entry.is_regular_file())
      line << std::hash<std::string>()(text_of(entry.path()));
    lines.push_back(line.str());
  }
  std::ranges::sort(lines);
  return lines;
}

// A container of a bundle, and what its root was like before.
struct Scene {
  explicit Scene(const TestContainer::Options& options = {}) {
    auto& root = bundle.root();
    root.symlink(std::string(kLibraryDirectory) + "/libcuda.so.1", "libcuda.so.535.104.05");
    root.file("/etc/ld.so.cache", text_of("/etc/ld.so.cache"));
    fs::permissions(root.on_disk("/etc/ld.so.cache"), fs::perms{0640});
    EXPECT_EQ(::chown(root.on_disk("/etc/ld.so.cache").c_str(), 100000, 100001), 0);
    before = names();
    container = std::make_unique<TestContainer>(root.on_disk(), options);
    state = json::parse(container->state(bundle.path()));
    state["status"] = "stopped";
    state.erase("pid");
  }

  [[nodiscard]] std::vector<std::string> names() const {
    return names_below(bundle.root().on_disk());
  }
  // What is not as before: lines that are gone with "-", new ones with "+".
  [[nodiscard]] std::string changes() const {
    const auto after = names();
    std::vector<std::string> gone;
    std::vector<std::string> made;
    std::ranges::set_difference(before, after, std::back_inserter(gone));
    std::ranges::set_difference(after, before, std::back_inserter(made));
    std::string text;
    for (const auto& line : gone) text += "- " + line + "\n";
    for (const auto& line : made) text += "+ " + line + "\n";
    return text;
  }
  [[nodiscard]] fs::path on_disk(std::string_view path) const {
    return bundle.root().on_disk(path);
  }
  void run_hook(const std::vector<std::string>& more = {}) {
    const auto done = bundle.hook(*container, more);
    ASSERT_EQ(done.status, 0) << done.err;
    ASSERT_NE(changes(), "");
  }
  void run_hook_and_die(const std::vector<std::string>& more = {}) {
    run_hook(more);
    container.reset();
  }

  Bundle bundle;
  std::vector<std::string> before;
  std::unique_ptr<TestContainer> container;
  json state;  // of the container when it has stopped
};

class Cleanup : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    for (const auto& record : records()) fs::remove(record);
  }

  static Finished clean_up(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = {NVHOOK_PROGRAM, "cleanup"};
    command.insert(command.end(), more.begin(), more.end());
    return run(command);
  }
  static Finished poststop(const Scene& scene) {
    return run({NVHOOK_PROGRAM, "poststop"}, scene.state.dump());
  }
  // A file of settings with these lines.
  std::string settings(std::string_view lines) {
    settings_.file("/config.toml", lines);
    return settings_.on_disk("/config.toml").string();
  }

 private:
  FakeRoot settings_;
};

TEST_F(Cleanup, ADeadContainersRootIsAsItWas) {
  Scene scene;
  scene.run_hook_and_die();
  ASSERT_THAT(records(), SizeIs(2));  // the image's cache is kept beside

  const auto done = clean_up();

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.err, "");
  EXPECT_THAT(done.out, StartsWith("\"test\": "));
  EXPECT_THAT(done.out, HasSubstr(" names taken away or put back\n"));
  EXPECT_EQ(scene.changes(), "");
  EXPECT_THAT(records(), IsEmpty());
}

TEST_F(Cleanup, AStoppedContainersRootIsAsItWas) {
  Scene scene;
  scene.run_hook_and_die();

  const auto done = poststop(scene);

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out + done.err, "");
  EXPECT_EQ(scene.changes(), "");
  EXPECT_THAT(records(), IsEmpty());
}

TEST_F(Cleanup, ARootWithATreeIsAsItWasOnEachKernel) {
  const auto config = settings("[container]\nlayout = \"tree\"\n");
  for (const auto tier : {Tier::New, Tier::Old}) {
    Scene scene;
    scene.bundle.write();
    const auto ran = launch({.arguments = nvhook_on(NVHOOK_SIMULATED_HOST, {"--config", config}),
                             .input = scene.container->state(scene.bundle.path()),
                             .tier = tier});
    ASSERT_EQ(ran.status, 0) << ran.err;
    ASSERT_TRUE(fs::exists(scene.container->inside("/usr/local/nvidia/bin/nvidia-smi")));
    scene.container.reset();

    const auto done = clean_up();

    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.out, Not(HasSubstr("stays")));
    EXPECT_EQ(scene.changes(), "");
    EXPECT_THAT(records(), IsEmpty());
  }
}

TEST_F(Cleanup, ARootOfAUserNamespaceIsAsItWas) {
  Scene scene({.user_namespace = TestContainer::UserNamespace::from(100000, 65536)});
  for (const auto* directory : {"/", "/etc", "/usr/bin", kLibraryDirectory})
    ASSERT_EQ(::chown(scene.on_disk(directory).c_str(), 100000, 100000), 0);
  ASSERT_EQ(::lchown(scene.on_disk(std::string(kLibraryDirectory) + "/libcuda.so.1").c_str(),
                     100000, 100000),
            0);
  scene.before = scene.names();
  scene.run_hook_and_die();

  EXPECT_EQ(clean_up().status, 0);
  EXPECT_EQ(scene.changes(), "");
}

TEST_F(Cleanup, ALivingContainerKeepsWhatItHas) {
  Scene dead;
  dead.run_hook_and_die();
  Scene living;
  living.run_hook();
  const auto snapshot = living.container->snapshot();

  const auto done = clean_up();

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("\"test\": still runs\n"));
  EXPECT_THAT(done.out, HasSubstr("taken away"));
  EXPECT_EQ(living.container->changes_since(snapshot), "");
  EXPECT_EQ(dead.changes(), "");
  EXPECT_THAT(records(), SizeIs(2)) << "its own";
  living.container.reset();
  EXPECT_EQ(clean_up().status, 0);
  EXPECT_EQ(living.changes(), "");
}

TEST_F(Cleanup, WithoutRecordsSaysSo) {
  const auto done = clean_up();

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "there is no record of any container\n");
}

TEST_F(Cleanup, ASecondOneFindsNothing) {
  Scene scene;
  scene.run_hook_and_die();
  ASSERT_EQ(clean_up().status, 0);

  EXPECT_EQ(clean_up().out, "there is no record of any container\n");
  EXPECT_EQ(scene.changes(), "");
}

TEST_F(Cleanup, ARecordThatCannotBeReadStaysAndIsWarnedOf) {
  Scene dead;
  dead.run_hook_and_die();
  const auto broken = fs::path(kRecords) / "0123456789abcdef.json";
  std::ofstream(broken) << "{}";
  fs::permissions(broken, fs::perms{0600});

  const auto done = clean_up();

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.err, AllOf(HasSubstr("W_LITTER"), HasSubstr("it stays")));
  EXPECT_THAT(records(), ElementsAre(broken));
  EXPECT_EQ(dead.changes(), "") << "for the sake of another's";
  EXPECT_EQ(clean_up().out, "");
  fs::remove(broken);
}

TEST_F(Cleanup, ARecordThatOthersCouldHaveWrittenIsNotBelieved) {
  Scene scene;
  scene.run_hook_and_die();
  const auto left = scene.names();
  for (const auto& record : records()) fs::permissions(record, fs::perms{0666});

  const auto done = clean_up();

  EXPECT_THAT(done.err, HasSubstr("W_LITTER"));
  EXPECT_EQ(scene.names(), left);
  EXPECT_THAT(records(), SizeIs(2));
}

TEST_F(Cleanup, ARootThatIsGoneTakesItsRecordAlong) {
  Scene scene;
  scene.run_hook_and_die();
  fs::remove_all(scene.on_disk("/"));

  const auto done = clean_up();

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("\"test\": its root file system is gone, and so is its record"));
  EXPECT_THAT(records(), IsEmpty());
}

TEST_F(Cleanup, AnotherDirectoryInThePlaceOfTheRootIsNotTouched) {
  Scene scene;
  scene.run_hook_and_die();
  const auto root = scene.on_disk("/");
  const auto old = root.string() + "-old";
  fs::rename(root, old);
  fs::copy(old, root, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  const auto before = names_below(root);

  const auto done = clean_up();

  EXPECT_THAT(done.out, HasSubstr("is another directory by now"));
  EXPECT_EQ(names_below(root), before);
  EXPECT_THAT(records(), IsEmpty());
  fs::remove_all(old);
}

TEST_F(Cleanup, WhatTheContainerHasChangedStaysAndIsNamed) {
  Scene scene;
  scene.run_hook_and_die();
  std::ofstream(scene.on_disk("/etc/ld.so.cache")) << "its own";
  fs::remove(scene.on_disk("/usr/bin/nvidia-smi"));
  std::ofstream(scene.on_disk("/usr/bin/nvidia-smi")) << "its own";

  const auto done = clean_up();

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("; \"/etc/ld.so.cache\" has been changed, stays"));
  EXPECT_THAT(done.out, HasSubstr("; \"/usr/bin/nvidia-smi\" has been changed, stays"));
  EXPECT_EQ(text_of(scene.on_disk("/etc/ld.so.cache")), "its own");
  EXPECT_EQ(text_of(scene.on_disk("/usr/bin/nvidia-smi")), "its own");
  EXPECT_THAT(records(), IsEmpty());
}

// As its processes can do while it runs, for whoever sweeps on the host.
TEST_F(Cleanup, ADirectoryExchangedForALinkLeadsNobodyOut) {
  Scene scene;
  scene.run_hook_and_die();
  FakeRoot outside;
  fs::rename(scene.on_disk(kLibraryDirectory), outside.on_disk("/libraries"));
  fs::rename(scene.on_disk("/etc"), outside.on_disk("/etc"));
  fs::create_symlink(outside.on_disk("/libraries"), scene.on_disk(kLibraryDirectory));
  fs::create_symlink(outside.on_disk("/etc"), scene.on_disk("/etc"));
  const auto canary = names_below(outside.on_disk());

  const auto done = clean_up();

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(names_below(outside.on_disk()), canary);
}

// Wherever the run was killed, and whatever of its record was written by then.
TEST_F(Cleanup, AContainerWhoseHookWasKilledIsAsItWas) {
  const std::set<int> changing = {SYS_mknodat,   SYS_mkdirat,  SYS_symlinkat, SYS_move_mount,
                                  SYS_renameat2, SYS_unlinkat, SYS_write,     SYS_openat,
                                  SYS_linkat,    SYS_renameat};
  constexpr long kStride = 5;
  int killed = 0;
  int littered = 0;
  for (long nth = 1;; nth += kStride) {
    Scene scene;
    scene.bundle.write();
    long calls = 0;
    const auto ran = launch({.arguments = nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"}),
                             .input = scene.container->state(scene.bundle.path()),
                             .watch = [&](const WatchedCall& call) -> Answer {
                               const bool it = call.by_program && changing.contains(call.number);
                               return {.error = 0, .kill = it && ++calls == nth};
                             }});
    if (ran.status == 0) break;  // there was no such call
    ASSERT_EQ(ran.status, 128 + SIGKILL) << ran.err;
    scene.container.reset();
    ++killed;
    littered += scene.changes().empty() ? 0 : 1;

    const auto done = nth % 2 == 0 ? poststop(scene) : clean_up();

    ASSERT_EQ(done.status, 0) << "call " << nth << ": " << done.err;
    ASSERT_EQ(scene.changes(), "") << "call " << nth;
    // One that was being written has a name with a dot in front.
    for (const auto& record : records())
      ASSERT_TRUE(record.extension() != ".json" || record.filename().string().starts_with('.'))
          << "call " << nth << ": " << record;
  }
  EXPECT_GT(killed, 10);
  EXPECT_GT(littered, 5);
}

TEST_F(Cleanup, HasAHelpAndNoFurtherArguments) {
  const auto help = clean_up({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, StartsWith("Takes away what containers that are no more have"));
  EXPECT_THAT(help.out, HasSubstr("nvhook cleanup [OPTION]..."));
  EXPECT_THAT(help.out, HasSubstr("--config"));

  EXPECT_EQ(clean_up({"test"}).status, 64);
  EXPECT_EQ(clean_up({"--dry-run"}).status, 64);
}

}  // namespace
}  // namespace nvhook::test
