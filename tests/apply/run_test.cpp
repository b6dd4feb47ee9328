// SPDX-License-Identifier: Apache-2.0
// A plan carried out for containers that are root of something, on each kind of kernel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "nvhook/apply/apply.hpp"
#include "support/fake_root.hpp"
#include "support/namespaces.hpp"
#include "support/take_away_calls.hpp"
#include "support/test_container.hpp"
#include "support/tiers.hpp"

namespace nvhook::apply {
namespace {

namespace fs = std::filesystem;
using test::TestContainer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kLibrary = "/usr/lib/libcuda.so.550.54.14";
constexpr auto kOther = "/usr/lib/libnvidia-ml.so.550.54.14";
constexpr auto kProgram = "/usr/bin/nvidia-smi";
constexpr auto kLink = "/usr/lib/libcuda.so.1";
constexpr auto kCache = "/etc/ld.so.cache";
constexpr auto kTree = "/usr/local/nvidia";
constexpr DeviceNumber kNull{.major = 1, .minor = 3};

// How a run ended, a line each: "done" or the error, then the ids of warnings.
std::vector<std::string> lines_of(const Result<Done>& ran) {
  if (!ran) return {ran.error().text()};
  std::vector<std::string> lines = {"done"};
  for (const auto& warning : ran->warnings) lines.emplace_back(name_of(warning.id));
  return lines;
}

// A process that sends signals to another on request: the filter of a run lets nobody do it in it.
class Signaller {
 public:
  // To be called by the process that is to get the signals, before its filters are loaded.
  void aim() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
    socket_ = UniqueFd(ends[0]);
    const UniqueFd theirs(ends[1]);
    const pid_t target = ::getpid();
    if (::fork() != 0) return;
    socket_ = UniqueFd();
    char signal = 0;
    while (::read(theirs.get(), &signal, 1) == 1) {
      ::kill(target, signal);
      (void)!::write(theirs.get(), &signal, 1);
    }
    ::_exit(0);
  }
  // Returns when the signal is sent.
  void send(int signal) const {
    auto byte = static_cast<char>(signal);
    (void)!::write(socket_.get(), &byte, 1);
    (void)!::read(socket_.get(), &byte, 1);
  }

 private:
  UniqueFd socket_;
};

class RunOn : public ::testing::TestWithParam<mount::Tier> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    ::umask(022);  // of a host whose files only root can change
    root_.directory("/proc").directory("/dev").directory("/usr/lib").directory("/usr/bin");
    for (const auto* file : {kLibrary, kOther, kProgram}) host_.file(file, "the host's");
    host_.directory("/dev");
    ASSERT_EQ(::mknod(host_.on_disk("/dev/node").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);

    using plan::Kind;
    for (const auto& [kind, file] : {std::pair{Kind::Library, kLibrary},
                                     {Kind::Library, kOther},
                                     {Kind::Binary, kProgram},
                                     {Kind::Device, "/dev/node"}}) {
      auto& mount = plan_.mounts.emplace_back();
      mount.kind = kind;
      mount.source = {host_.on_disk(file).string()};
      mount.target = {file};
      mount.options = kind == Kind::Device ? kDeviceMount : kFileMount;
    }
    plan_.devices.push_back({{"/dev/node"}, kNull});
    plan_.symlinks.push_back({{kLink}, "libcuda.so.550.54.14", std::nullopt});
  }

  // The same in a tree, with the links beside it, and a loader's file that is mounted or exchanged.
  void use_tree(const std::string& at) {
    plan_.tree = ContainerPath{at};
    for (auto& mount : plan_.mounts) {
      if (mount.kind == plan::Kind::Device) continue;
      const std::string directory = mount.kind == plan::Kind::Binary ? "/bin/" : "/lib64/";
      mount.target = {at + directory + std::string(mount.source.name())};
    }
    plan_.symlinks = {{{at + "/lib64/libcuda.so.1"}, "libcuda.so.550.54.14", std::nullopt}};
  }
  void use_loader_file(plan::CacheAction action) {
    root_.file(kCache, "theirs");
    plan_.loader.action = action;
    plan_.loader.path = {kCache};
    plan_.loader.bytes = "merged";
    plan_.loader.former.emplace();
  }
  [[nodiscard]] static bool is_new_kernel() { return GetParam() == mount::Tier::Detached; }

  void seal() {
    for (auto& mount : plan_.mounts) mount.sealed = mount.kind != plan::Kind::Device;
  }

  TestContainer& container(const TestContainer::Options& options = {}) {
    if (!container_) container_ = std::make_unique<TestContainer>(root_.on_disk(), options);
    return *container_;
  }
  // Whose ids are this machine's own: nothing is denied it for want of an owner's rights.
  TestContainer& container_with_user_namespace() {
    return container({.user_namespace = TestContainer::UserNamespace::from(0, 65536)});
  }

  // Carries out the plan in a process of its own, as the hook does. `before` is done there first.
  std::vector<std::string> run(
      const std::function<void()>& before = [] {}, const Observer& observer = {}) {
    auto& target = container();
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd said(ends[0]);
    UniqueFd say(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
      ::umask(0);
      if (GetParam() == mount::Tier::Classic)
        test::take_away_calls(std::vector<std::string>{"open_tree", "move_mount", "mount_setattr"},
                              ENOSYS);
      before();
      for (const auto& line : lines_of(carry_out(target, observer)))
        (void)!::write(say.get(), (line + "\n").data(), line.size() + 1);
      ::_exit(0);
    }
    say = UniqueFd();
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = ::read(said.get(), buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(size));
    ::waitpid(child, nullptr, 0);
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  Result<Done> carry_out(const TestContainer& target, const Observer& observer) {
    sandbox::Phases phases(sandbox::Course::Hook);
    if (auto done = phases.shed(); !done) return std::unexpected(std::move(done).error());
    for (const auto phase : {sandbox::Phase::Request, sandbox::Phase::Pin})
      if (auto done = phases.begin(phase); !done) return std::unexpected(std::move(done).error());
    auto procfs = container::open_procfs();
    if (!procfs) return std::unexpected(std::move(procfs).error());
    auto process = container::pin(*procfs, target.pid());
    if (!process) return std::unexpected(std::move(process).error());
    auto rootfs = container::open_rootfs(*process, target.rootfs());
    if (!rootfs) return std::unexpected(std::move(rootfs).error());
    rootfs->dev_mount_id = dev_mount_id(*process, target);
    auto cgroup = cgroup::find_devices(*procfs, *process);
    if (!cgroup) return std::unexpected(std::move(cgroup).error());
    return apply::run(plan_,
                      {.procfs = *procfs,
                       .process = *process,
                       .rootfs = *rootfs,
                       .cgroup = *cgroup,
                       .device_rules = {},
                       .phases = phases},
                      observer);
  }

  static std::optional<std::uint64_t> dev_mount_id(const container::Process& process,
                                                   const TestContainer& target) {
    const auto dev = target.rootfs().relative_path() / "dev";
    const UniqueFd fd(::openat(process.root.get(), dev.c_str(), O_PATH | O_CLOEXEC));
    const auto id = container::mount_id_of(fd.get());
    return id ? std::optional(*id) : std::nullopt;
  }

  // 0 or the error of opening a path of the container's for writing, as its root.
  int error_of_writing(const std::string& path) {
    return ask([&] {
      const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
      return fd ? 0 : errno;
    });
  }
  // Likewise of making a file.
  int error_of_making(const std::string& path) {
    return ask([&] { return ::mknod(path.c_str(), S_IFREG | 0600, 0) == 0 ? 0 : errno; });
  }
  std::vector<std::string> names_below(const std::string& directory) {
    std::vector<std::string> names;
    const auto top = container().inside(directory);
    for (const auto& entry : fs::recursive_directory_iterator(top))
      names.push_back(entry.path().lexically_relative(top).string());
    std::ranges::sort(names);
    return names;
  }
  // As mount(8) does it: of the mount, and of its whole file system.
  void remount_writable(const std::string& path) {
    (void)ask([&] {
      ::mount(nullptr, path.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr);
      ::mount(nullptr, path.c_str(), nullptr, MS_REMOUNT, nullptr);
      return 0;
    });
  }
  [[nodiscard]] std::string inside(const std::string& path) { return root_.on_disk(path).string(); }
  int ask(const std::function<int()>& question) {
    return test::ask_root_of(container().pid(), question);
  }
  // What the container sees.
  std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(container().inside(path)).rdbuf();
    return text.str();
  }

  test::FakeRoot host_;
  test::FakeRoot root_;
  plan::Plan plan_;
  std::unique_ptr<TestContainer> container_;
};

TEST_P(RunOn, AnOrdinaryContainerGivesItThePlan) {
  EXPECT_THAT(run(), ElementsAre("done"));

  for (const std::string file : {kLibrary, kOther, kProgram}) {
    EXPECT_EQ(content(file), "the host's");
    EXPECT_EQ(error_of_writing(inside(file)), EROFS);
  }
  EXPECT_EQ(fs::read_symlink(container().inside(kLink)), "libcuda.so.550.54.14");
  EXPECT_TRUE(fs::is_character_file(container().inside("/dev/node")));
  EXPECT_EQ(error_of_writing(inside("/dev/node")), 0);
}

TEST_P(RunOn, AnOrdinaryContainerStartsNoOtherProcess) {
  // Neither fork(2) nor what a stage is made by.
  const auto without = [] {
    test::take_away_calls(
        std::vector<std::string>{"clone", "clone3", "fork", "vfork", "unshare", "fsopen"}, EPERM);
  };

  EXPECT_THAT(run(without), ElementsAre("done"));
}

TEST_P(RunOn, AContainerWithAUserNamespaceLocksTheMountsWhereTheKernelCan) {
  container_with_user_namespace();

  const auto ran = run();

  EXPECT_EQ(content(kLibrary), "the host's");
  remount_writable(inside(kLibrary));
  if (GetParam() == mount::Tier::Detached) {
    EXPECT_THAT(ran, ElementsAre("done"));
    EXPECT_EQ(error_of_writing(inside(kLibrary)), EROFS);
    EXPECT_EQ(error_of_writing(inside(kProgram)), EROFS);
  } else {
    EXPECT_THAT(ran, ElementsAre("done", "W_NOT_LOCKED"));
    EXPECT_EQ(error_of_writing(inside(kLibrary)), 0) << "then there was nothing to warn of";
  }
}

TEST_P(RunOn, AContainerWithAUserNamespaceSaysWhatCouldNotBeLocked) {
  container_with_user_namespace();

  const auto ran = run([] { test::take_away_calls(std::vector<std::string>{"unshare"}, EPERM); });

  EXPECT_THAT(ran, ElementsAre("done", "W_NOT_LOCKED"));
  EXPECT_EQ(content(kLibrary), "the host's");
  EXPECT_EQ(error_of_writing(inside(kLibrary)), EROFS);
}

TEST_P(RunOn, AContainerWithOtherIdsGetsItsMountPointsAsItsOwn) {
  container({.user_namespace = TestContainer::UserNamespace::from(100000, 65536)});

  const auto ran = run();

  EXPECT_EQ(ran.front(), "done");
  EXPECT_EQ(content(kLibrary), "the host's");
  container_.reset();
  struct stat status {};
  ASSERT_EQ(::lstat(root_.on_disk(kLibrary).c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 100000U);
}

TEST_P(RunOn, AContainerThatMayRemountGetsWhatStaysReadOnly) {
  seal();

  const auto ran = run();

  EXPECT_EQ(content(kLibrary), "the host's");
  EXPECT_EQ(error_of_writing(inside(kLibrary)), EROFS);
  for (const auto* file : {kLibrary, kOther, kProgram}) remount_writable(inside(file));
  if (GetParam() == mount::Tier::Detached) {
    EXPECT_THAT(ran, ElementsAre("done"));
    for (const auto* file : {kLibrary, kOther, kProgram})
      EXPECT_EQ(error_of_writing(inside(file)), EROFS) << file;
  } else {
    EXPECT_THAT(ran, ElementsAre("done", "W_NOT_SEALED"));
    EXPECT_EQ(error_of_writing(inside(kLibrary)), 0) << "then there was nothing to warn of";
  }
  EXPECT_EQ(error_of_writing(inside("/dev/node")), 0);
}

TEST_P(RunOn, AContainerThatMayRemountSaysWhatCouldNotBeSealed) {
  seal();

  const auto ran = run([] { test::take_away_calls(std::vector<std::string>{"fsopen"}, EPERM); });

  EXPECT_THAT(ran, ElementsAre("done", "W_NOT_SEALED"));
  EXPECT_EQ(content(kLibrary), "the host's");
  EXPECT_EQ(error_of_writing(inside(kLibrary)), EROFS);
}

// An old kernel binds what the container's mount namespace has: that must be the very file.
TEST_P(RunOn, AContainerWithAnotherFileInItsNamespaceGetsNothingElse) {
  const auto source = host_.on_disk(kOther).string();
  test::FakeRoot other;
  other.file("/file", "the container's");
  container({.further = [&](const fs::path&) {
    return ::mount(other.on_disk("/file").c_str(), source.c_str(), nullptr, MS_BIND, nullptr);
  }});
  const auto before = container().snapshot();

  const auto ran = run();

  if (GetParam() == mount::Tier::Detached) {
    EXPECT_THAT(ran, ElementsAre("done"));
    EXPECT_EQ(content(kOther), "the host's");
  } else {
    ASSERT_THAT(ran, SizeIs(1));
    EXPECT_THAT(ran[0], ::testing::StartsWith("E_SRC_CHANGED: "));
    EXPECT_EQ(container().changes_since(before), "");
  }
}

TEST_P(RunOn, AContainerWithoutTheFileInItsNamespaceGetsNothingElse) {
  const auto directory = host_.on_disk("/usr/bin").string();
  container({.further = [&](const fs::path&) {
    return ::mount("tmpfs", directory.c_str(), "tmpfs", 0, "mode=755");
  }});
  const auto before = container().snapshot();

  const auto ran = run();

  if (GetParam() == mount::Tier::Detached) {
    EXPECT_THAT(ran, ElementsAre("done"));
  } else {
    ASSERT_THAT(ran, SizeIs(1));
    EXPECT_THAT(ran[0], ::testing::StartsWith("E_SRC_CHANGED: "));
    EXPECT_EQ(container().changes_since(before), "");
  }
}

TEST_P(RunOn, AContainerIsLeftAsItWasWhateverStepItIsInterruptedAt) {
  const auto before = container().snapshot();
  int steps = 0;
  for (int at = 0;; ++at) {
    int step = 0;
    Signaller signaller;
    const auto ran = run([&] { signaller.aim(); },
                         [&](std::string_view) {
                           if (step++ == at) signaller.send(SIGTERM);
                         });
    if (ran == std::vector<std::string>{"done"}) break;  // there was no such step
    ASSERT_THAT(ran, SizeIs(1)) << "step " << at;
    EXPECT_THAT(ran[0], ::testing::StartsWith("E_INTERRUPTED: interrupted by signal 15 ("));
    ASSERT_EQ(container().changes_since(before), "") << "step " << at;
    ++steps;
  }
  // Captured, entered, mounted, linked, allowed.
  EXPECT_EQ(steps, 4 + 1 + 4 + 1 + 1);
}

TEST_P(RunOn, AContainerIsLeftAsItWasWhenTheLastStepFails) {
  container_with_user_namespace();
  const auto before = container().snapshot();
  plan_.symlinks.push_back({{"/usr/bin/nvidia-smi"}, "x", std::nullopt});

  const auto ran = run();

  ASSERT_THAT(ran, SizeIs(1));
  EXPECT_THAT(ran[0], ::testing::StartsWith("E_RACE: "));
  EXPECT_EQ(container().changes_since(before), "");
}

// Trees and loaders

TEST_P(RunOn, AContainerWithATreeHasThePlansNamesInItAndNoOthers) {
  root_.directory("/usr/local");
  use_tree(kTree);
  plan_.symlinks.push_back({{kProgram}, std::string(kTree) + "/bin/nvidia-smi", std::nullopt});

  EXPECT_THAT(run(), ElementsAre("done"));

  EXPECT_THAT(names_below(kTree),
              ElementsAre("bin", "bin/nvidia-smi", "lib64", "lib64/libcuda.so.1",
                          "lib64/libcuda.so.550.54.14", "lib64/libnvidia-ml.so.550.54.14"));
  for (const auto* file : {"/lib64/libcuda.so.1", "/lib64/libnvidia-ml.so.550.54.14"}) {
    EXPECT_EQ(content(std::string(kTree) + file), "the host's");
    EXPECT_EQ(error_of_writing(inside(std::string(kTree) + file)), EROFS);
  }
  EXPECT_EQ(fs::read_symlink(container().inside(kProgram)), std::string(kTree) + "/bin/nvidia-smi");
  EXPECT_TRUE(fs::is_character_file(container().inside("/dev/node")));
  EXPECT_EQ(error_of_making(inside(std::string(kTree) + "/new")), is_new_kernel() ? EROFS : 0);
}

TEST_P(RunOn, AContainerWithATreeOverADirectoryOfItsOwnKeepsThat) {
  root_.file(std::string(kTree) + "/theirs", "theirs");
  use_tree(kTree);

  EXPECT_THAT(run(), ElementsAre("done"));

  EXPECT_EQ(fs::exists(container().inside(std::string(kTree) + "/theirs")), !is_new_kernel());
  EXPECT_EQ(content(std::string(kTree) + "/lib64/libcuda.so.1"), "the host's");
  container_.reset();
  EXPECT_TRUE(fs::exists(root_.on_disk(std::string(kTree) + "/theirs")));
}

TEST_P(RunOn, AContainerWithAReadOnlyRootHasTheLoadersFileMounted) {
  use_tree("/dev/.nvhook");
  use_loader_file(plan::CacheAction::Bind);
  container({.root_flags = MS_RDONLY});

  EXPECT_THAT(run(), ElementsAre("done"));

  EXPECT_EQ(content(kCache), "merged");
  EXPECT_EQ(error_of_writing(inside(kCache)), EROFS);
  EXPECT_EQ(content("/dev/.nvhook/lib64/libcuda.so.1"), "the host's");
  EXPECT_THAT(names_below("/dev/.nvhook"), ::testing::Contains("ld.so.cache"));
  container_.reset();
  EXPECT_TRUE(fs::is_empty(root_.on_disk("/dev")));
  std::ifstream file(root_.on_disk(kCache));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "theirs");
}

TEST_P(RunOn, AContainerHasTheLoadersFileExchanged) {
  use_loader_file(plan::CacheAction::Merge);
  plan_.files.push_back({{"/etc/ld.so.conf.d/00-nvhook.conf"}, "/usr/lib\n"});

  EXPECT_THAT(run(), ElementsAre("done"));

  EXPECT_EQ(content(kCache), "merged");
  EXPECT_EQ(error_of_writing(inside(kCache)), 0) << "an ldconfig of its own may write it";
  EXPECT_EQ(content("/etc/ld.so.conf.d/00-nvhook.conf"), "/usr/lib\n");
  EXPECT_THAT(names_below("/etc"),
              ElementsAre("ld.so.cache", "ld.so.conf.d", "ld.so.conf.d/00-nvhook.conf"));
}

TEST_P(RunOn, AContainerWithATreeIsLeftAsItWasWhateverStepItIsInterruptedAt) {
  root_.directory("/usr/local");
  use_tree(kTree);
  use_loader_file(plan::CacheAction::Merge);
  plan_.symlinks.push_back({{kProgram}, std::string(kTree) + "/bin/nvidia-smi", std::nullopt});
  plan_.files.push_back({{"/etc/ld.so.conf.d/00-nvhook.conf"}, "/usr/lib\n"});
  const auto before = container().snapshot();
  int steps = 0;
  for (int at = 0;; ++at) {
    int step = 0;
    Signaller signaller;
    const auto ran = run([&] { signaller.aim(); },
                         [&](std::string_view) {
                           if (step++ == at) signaller.send(SIGTERM);
                         });
    if (ran == std::vector<std::string>{"done"}) break;
    ASSERT_THAT(ran, ElementsAre(::testing::StartsWith("E_INTERRUPTED: "))) << "step " << at;
    ASSERT_EQ(container().changes_since(before), "") << "step " << at;
    ASSERT_EQ(content(kCache), "theirs") << "step " << at;
    ++steps;
  }
  // Captured, entered, mounted, linked (in a tree that is not built before), a file, the loader's,
  // allowed.
  EXPECT_EQ(steps, 4 + 1 + 4 + (is_new_kernel() ? 1 + 1 : 2) + 1 + 1 + 1);
  EXPECT_EQ(content(kCache), "merged");
}

TEST_P(RunOn, AContainerWhoseLoadersFileCannotBeExchangedIsLeftAsItWas) {
  root_.directory(kCache);
  const auto before = container().snapshot();
  plan_.loader.action = plan::CacheAction::Create;
  plan_.loader.path = {kCache};
  plan_.loader.bytes = "ours";

  const auto ran = run();

  EXPECT_THAT(ran, ElementsAre(::testing::StartsWith("E_RACE: ")));
  EXPECT_EQ(container().changes_since(before), "");
}

TEST_P(RunOn, ALoadersFileToMountWithoutATreeIsABug) {
  use_loader_file(plan::CacheAction::Bind);
  const auto before = container().snapshot();

  EXPECT_THAT(run(), ElementsAre(::testing::StartsWith("E_BUG: ")));
  EXPECT_EQ(container().changes_since(before), "");
}

INSTANTIATE_TEST_SUITE_P(EachKernel, RunOn, test::kEachTier,
                         [](const auto& each) { return test::name_of(each.param); });

}  // namespace
}  // namespace nvhook::apply
