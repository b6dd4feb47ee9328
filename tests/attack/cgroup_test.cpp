// SPDX-License-Identifier: Apache-2.0
// Family C, first part: which cgroup is the container's, and what is written there. On cgroup v1.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

#include "attack/cgroup_attack.hpp"
#include "cgroup/hierarchy.hpp"
#include "cgroup/membership.hpp"
#include "nvhook/cgroup/devices.hpp"
#include "nvhook/files/open.hpp"
#include "support/child.hpp"
#include "support/take_away_calls.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr auto kTop = "/sys/fs/cgroup/devices";

// Where below the top of a hierarchy a process's own cgroup file says that it is.
std::string place_by(std::string_view text, std::string_view controller) {
  const auto path = cgroup::path_of_controller(text, controller);
  if (!path) return "nowhere";
  const auto place = cgroup::place_below({.mount_point = kTop, .root = "/"}, *path);
  return place ? *place : std::string(name_of(place.error().id()));
}

TEST(CgroupFile, C01_LinesThatTheKernelDoesNotWrite) {
  using namespace std::string_literals;
  const struct {
    std::string text;
    std::string v1;
    std::string v2;
  } cases[] = {
      {"", "nowhere", "nowhere"},
      {"\n\n:\n::::\n", "nowhere", "E_CGROUP"},
      {"5\n5:devices\ndevices:/x\n", "nowhere", "nowhere"},
      {"5:devices:\n0::\n", "E_CGROUP", "E_CGROUP"},
      {"5:devices:x\n0::x\n", "E_CGROUP", "E_CGROUP"},
      {"5:devices:/\n0::/\n", "E_CGROUP", "E_CGROUP"},
      {"5:devices:/../../..\n0::/../../..\n", "E_CGROUP", "E_CGROUP"},
      {"5:devices:/a/../b\n0::/a/..\n", "E_CGROUP", "E_CGROUP"},
      {"5:devices:/a/..b/...\n", "a/..b/...", "nowhere"},
      {"1:devices:/x\n2:devices:/y\n0::/v\n0::/w\n", "x", "v"},
      {"5:devices:/x\r\n0::/v\r\n", "x\r", "v\r"},
      {"5:devices:/x\0y\n0::/v\0\n"s, "E_CGROUP", "E_CGROUP"},
      {"0::/v\n5:cpu,devices,x:/x", "x", "v"},
      {"5:device:/a\n5:devices2:/b\n5:,devices,:/c\n", "c", "nowhere"},
      {"5:name=devices:/a\n", "nowhere", "nowhere"},
  };
  for (const auto& [text, v1, v2] : cases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(place_by(text, "devices"), v1);
    EXPECT_EQ(place_by(text, ""), v2);
  }
}

TEST(CgroupFile, C01_VeryManyLines) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "7:cpu:/x:devices:/y\n";
  text += "5:devices:/z\n";

  EXPECT_EQ(place_by(text, "devices"), "z");
}

class Cgroups : public CgroupAttack {
 protected:
  Cgroups() : CgroupAttack(kTop) {}

  static std::string rules_of(const fs::path& cgroup) {
    std::ifstream in(cgroup / "devices.list");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // Has the hook begin in a mount namespace of its own, which is changed first.
  void change_mounts_of_hook(const std::function<int()>& change) {
    scene().before = [change] {
      if (::unshare(CLONE_NEWNS) != 0 ||
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 || change() != 0)
        ::_exit(126);
    };
  }
  // A copy of the simulated host, to be changed.
  void copy_host() {
    const auto copied = run({"/bin/cp", "-a", Scene::simulated_host() / ".", host_.on_disk()});
    ASSERT_EQ(copied.status, 0) << copied.err;
    scene().host = host_.on_disk();
  }

  FakeRoot host_;
};

TEST_P(Cgroups, C02_NamesThatLookLikeSomethingElse) {
  for (const std::string name :
       {"a:b c", "0::", ":devices:", " \t\\x5c\\040", "..-", "\"{}\x1b[31m"}) {
    SCOPED_TRACE(name);
    start_over();
    scene().container.cgroup_name = name + "nvhook-test-";
    contained();
  }
}

TEST_P(Cgroups, C03_AnotherFileSystemOverTheCgroups) {
  for (const auto* over : {kTop, "/sys/fs/cgroup", "/sys"}) {
    SCOPED_TRACE(over);
    start_over();
    change_mounts_of_hook([over] { return ::mount("tmpfs", over, "tmpfs", 0, nullptr); });
    refused("E_CGROUP");
  }
}

// A forged hierarchy, with the container's process in it and all files that there should be.
TEST_P(Cgroups, C03_ALinkInTheirPlace) {
  const auto name = container().cgroup().filename().string();
  const auto forged = "/directory/devices/" + name;
  victim().directory(forged);
  victim().file(forged + "/cgroup.procs", std::to_string(container().pid()) + "\n");
  victim().file(forged + "/devices.list", "c 1:3 rwm\n");
  for (const auto* file : {"/devices.allow", "/devices.deny"}) victim().file(forged + file, "");
  const auto directory = victim().on_disk("/directory").string();
  change_mounts_of_hook([&] {
    if (::mount("tmpfs", "/sys/fs", "tmpfs", 0, nullptr) != 0) return -1;
    return ::symlink(directory.c_str(), "/sys/fs/cgroup");
  });

  refused("E_CGROUP");
}

TEST_P(Cgroups, C04_AWayOutOfTheHierarchy) {
  for (const auto* name : {"../../../etc", "/etc", "..", "nvhook/../../..", "/"}) {
    SCOPED_TRACE(name);
    const auto said = said_by_child([&]() -> std::string {
      if (GetParam().tier == Tier::Old) take_away_new_calls();
      const auto top = files::open_host_directory(kTop, ErrorId::Cgroup);
      if (!top) return top.error().text();
      const auto found =
          files::open_at(top->get(), name, O_PATH | O_DIRECTORY, files::Lookup::SameMount);
      return found ? "found" : found.error().text();
    });
    EXPECT_THAT(said, Not("found"));
  }
}

TEST_P(Cgroups, C05_NumbersThatNoDeviceHas) {
  (void)container();
  const auto rules = container().device_rules();
  for (const auto number : {DeviceNumber{1U << 12U, 0}, DeviceNumber{195, 1U << 20U},
                            DeviceNumber{~0U, ~0U}, DeviceNumber{195, ~0U}}) {
    cgroup::DeviceCgroup cgroup;
    cgroup.directory = UniqueFd(::open(container().cgroup().c_str(), O_PATH | O_CLOEXEC));
    cgroup.path = container().cgroup();
    cgroup.pid = container().pid();

    const auto granted = cgroup::allow(cgroup, {{195, 0}, number}, {});

    ASSERT_FALSE(granted);
    EXPECT_EQ(granted.error().id(), ErrorId::Cgroup);
    EXPECT_EQ(container().device_rules(), rules) << "not one of them";
  }
}

// The text that the numbers come from is the kernel's, but what if it is not.
TEST_P(Cgroups, C05_NumbersFromATextThatIsCrafted) {
  const struct {
    const char* devices;
    const char* refused_with;
  } cases[] = {
      {"195:0 rwm\nb 8:0 nvidia\n* nvidia\na nvidia\n-1 nvidia\n510 nvidia-uvm\n", ""},
      {"99999999999999999999 nvidia\n0x8 nvidia\n\t8 nvidia\n510 nvidia-uvm\n", ""},
      {"8 nvidia\n", "E_NODE_TYPE"},
      {"4294967491 nvidia\n", ""},
      {"4294967295 nvidia\n", "E_NODE_TYPE"},
      {"195 nvidia\n8 nvidia-uvm\n", "E_NODE_TYPE"},
  };
  for (const auto& [devices, refused_with] : cases) {
    SCOPED_TRACE(devices);
    start_over();
    copy_host();
    std::ofstream(host_.on_disk("/proc/devices")) << "Character devices:\n" << devices;
    if (*refused_with == '\0')
      contained();
    else
      refused(refused_with);
  }
}

TEST_P(Cgroups, C05_OneWriteForEachRule) {
  scene().traced = true;
  contained();

  std::size_t rules = 0;
  for (const auto& call : calls_of_last_run()) {
    if (call.name != "write" || !call.arguments.at(1).starts_with("\"c ")) continue;
    EXPECT_THAT(call.arguments[1], MatchesRegex("\"c [0-9]+:[0-9]+ rw\""));
    ++rules;
  }
  EXPECT_EQ(rules, outcome().plan.device_rules.size());
}

// At each of these the container's process goes elsewhere.
TEST_P(Cgroups, C06_TheProcessIsMovedMeanwhile) {
  for (const auto* file : {"cgroup.procs", "devices.list", "devices.allow"})
    for (const bool to_root : {false, true}) {
      SCOPED_TRACE(file);
      start_over();
      const auto elsewhere = to_root ? fs::path(kTop) : beside();
      const auto rules = rules_of(elsewhere);
      scene().watch = [&, done = false](const WatchedCall& call) mutable {
        const bool opens = call.number == SYS_openat || call.number == SYS_openat2;
        if (done || !opens || call.text(1) != file) return Answer{};
        done = true;
        move_to_cgroup(container().pid(), elsewhere);
        return Answer{};
      };

      refused("E_CGROUP");

      EXPECT_THAT(outcome().finished.err, HasSubstr("does not hold process"));
      EXPECT_EQ(rules_of(elsewhere), rules);
    }
}

// One rule that cannot be taken back does not keep the others.
TEST_P(Cgroups, C06_ItIsTakenBackAsFarAsCanBe) {
  const auto before = container().device_rules();
  scene().watch = [&, failed = false](const WatchedCall& call) mutable {
    if (call.number != SYS_openat && call.number != SYS_openat2) return Answer{};
    if (call.text(1) == "devices.allow") move_to_cgroup(container().pid(), beside());
    if (failed || call.text(1) != "devices.deny") return Answer{};
    failed = true;
    return Answer{.error = EMFILE};
  };

  run_hook();

  EXPECT_EQ(outcome().error(), "E_CGROUP");
  const auto after = container().device_rules();
  EXPECT_EQ(std::ranges::count(after, '\n'), std::ranges::count(before, '\n') + 1) << after;
}

TEST_P(Cgroups, C06_TheProcessIsInTheRootOfAll) {
  move_to_cgroup(container().pid(), kTop);

  refused("E_CGROUP");

  EXPECT_THAT(outcome().finished.err, HasSubstr("root of the hierarchy"));
}

TEST_P(Cgroups, C08_AParentThatDoesNotAllowIt) {
  const auto below = container().cgroup() / "below";
  fs::create_directory(below);
  move_to_cgroup(container().pid(), below);

  refused("E_CGROUP");

  EXPECT_THAT(outcome().finished.err, HasSubstr("a parent cgroup does not allow the device"));
  move_to_cgroup(container().pid(), container().cgroup());
  fs::remove(below);
}

// This machine has both, and the controller is v1's.
TEST_P(Cgroups, C09_AHostWithBoth) {
  scene().traced = true;

  contained();

  for (const auto& call : calls_of_last_run()) EXPECT_NE(call.name, "bpf");
}

TEST_P(Cgroups, C10_TheHookInACgroupNamespaceBesideTheContainers) {
  start_hook_in_a_namespace_beside(kTop);

  refused("E_CGROUP");

  EXPECT_THAT(outcome().finished.err, HasSubstr("outside of the hook's view"));
}

INSTANTIATE_TEST_SUITE_P(Kernel, Cgroups, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
