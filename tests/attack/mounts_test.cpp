// SPDX-License-Identifier: Apache-2.0
// Family M: whom the container's mounts belong to, what can be done with ours, and how many there
// may be.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "attack/attack.hpp"
#include "nvhook/base/message_id.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class Mounts : public Attack {
 protected:
  // What the container's first program can do to these paths, in their order.
  nlohmann::json probe(const std::vector<std::string>& paths) {
    std::vector<std::string> command = {NVHOOK_PROBE};
    command.insert(command.end(), paths.begin(), paths.end());
    return nlohmann::json::parse(container().start(command))["paths"];
  }
};

const auto kCuda = std::string(kLibraryDirectory) + "/libcuda.so.550.54.14";

int make_shared(const fs::path& where) {
  return ::mount(nullptr, where.c_str(), nullptr, MS_SHARED, nullptr);
}

TEST_P(Mounts, M01_SharedMountsLeakToTheHost) {
  const struct {
    const char* what;
    std::function<void(TestContainer::Options&)> arrange;
  } cases[] = {
      {"all", [](auto& options) { options.propagation = TestContainer::Propagation::Shared; }},
      {"the root",
       [](auto& options) {
         options.further = [](const fs::path& root) { return make_shared(root); };
       }},
      {"/dev",
       [](auto& options) {
         options.further = [](const fs::path& root) { return make_shared(root / "dev"); };
       }},
  };
  for (const auto& [what, arrange] : cases) {
    SCOPED_TRACE(what);
    start_over();
    arrange(scene().container);
    refused("E_PROPAGATION");
  }
}

// A volume of the user's, whether shared or not, is not ours to make anything in.
TEST_P(Mounts, M01_SharedVolumeOnTheWay) {
  victim().directory("/volume/lib");
  image().directory("/usr/local");
  scene().container.volumes = {{victim().on_disk("/volume"), kLibraryDirectory}};
  scene().container.further = [](const fs::path& root) {
    return make_shared(root / fs::path(kLibraryDirectory).relative_path());
  };

  refused("E_DST_FOREIGN_MOUNT");
}

TEST_P(Mounts, M02_PrivateAndSlaveMountsDoNot) {
  for (const auto propagation :
       {TestContainer::Propagation::Private, TestContainer::Propagation::Slave}) {
    start_over();
    scene().container.propagation = propagation;
    contained();
  }
}

TEST_P(Mounts, M03_WhatTheContainerCanDoToWhatItGot) {
  contained();

  std::vector<std::string> libraries;
  std::vector<std::string> nodes;
  for (const auto& mount : outcome().plan.mounts)
    (mount.target.starts_with("/dev/") ? nodes : libraries).push_back(mount.target);
  auto paths = libraries;
  paths.insert(paths.end(), nodes.begin(), nodes.end());
  const auto found = probe(paths);

  ASSERT_EQ(found.size(), paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    SCOPED_TRACE(paths[i]);
    const bool is_node = i >= libraries.size();
    if (is_node) {
      EXPECT_THAT(found[i]["flags"], ElementsAre("ro", "nosuid", "noexec"));
      EXPECT_EQ(found[i]["read"], "ENXIO") << "no driver is behind it, and nobody is in the way";
    } else {
      EXPECT_THAT(found[i]["flags"], ElementsAre("ro", "nosuid", "nodev"));
      EXPECT_EQ(found[i]["read"], "ok");
      EXPECT_EQ(found[i]["write"], "EROFS");
    }
  }
}

TEST_P(Mounts, M03_SetUserIdOfTheHostsFilesIsNotHonoured) {
  FakeRoot host;
  const auto copied = run({"/bin/cp", "-a", scene().host / ".", host.on_disk()});
  ASSERT_EQ(copied.status, 0) << copied.err;
  const auto program = host.on_disk("/usr/bin/nvidia-smi");
  fs::copy_file(NVHOOK_PROBE, program, fs::copy_options::overwrite_existing);
  fs::permissions(program, fs::perms{04755});
  scene().host = host.on_disk();
  contained();

  const auto found = probe({"/usr/bin/nvidia-smi"});

  EXPECT_EQ(found[0]["executed_as"], 1000);
}

// Old kernels can lock no flags, and nvhook warns. There the file's owner still stands in the way,
// unless the namespace has the ids of the host.
TEST_P(Mounts, M04_RootOfAUserNamespaceTakesTheFlagsAway) {
  const bool locks = GetParam().tier == Tier::New;
  for (const auto first : {100'000U, 0U}) {
    SCOPED_TRACE(first);
    start_over();
    scene().container.user_namespace = TestContainer::UserNamespace::from(first, 65'536);
    if (locks)
      contained();
    else
      skipped("W_NOT_LOCKED");

    const auto found = probe({kCuda})[0];

    const bool owner = first == 0;
    EXPECT_THAT(found["flags"], ElementsAre("ro", "nosuid", "nodev"));
    EXPECT_EQ(found["write"], owner ? "EROFS" : "EACCES");
    EXPECT_EQ(found["clear"], locks ? "EPERM" : "ok");
    EXPECT_EQ(found["remount"], locks ? "EPERM" : "ok");
    EXPECT_EQ(found["write_after"], !owner ? "EACCES" : locks ? "EROFS" : "ok");
  }
}

// A container that may mount, and is root of the host. Old kernels can seal nothing, and nvhook
// warns.
TEST_P(Mounts, S10_RootOfTheHostMountsALibraryForWriting) {
  const bool seals = GetParam().tier == Tier::New;
  scene().bundle.config["process"]["capabilities"]["bounding"] = {"CAP_SYS_ADMIN"};
  if (seals)
    contained();
  else
    skipped("W_NOT_SEALED");

  const auto found = probe({kCuda})[0];

  EXPECT_EQ(found["write"], "EROFS");
  EXPECT_EQ(found["clear"], "ok");
  EXPECT_EQ(found["write_after"], seals ? "EROFS" : "ok");
}

long lines_of(const fs::path& file) {
  std::ifstream in(file);
  return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
}

// Mounts below `top`, a directory of a tmpfs, until so many more would fit.
int fill_with_mounts(const fs::path& top, long most, long left) {
  // What is mounted at a directory is mounted into itself, which makes twice as many of it.
  const auto add = [&](const fs::path& at, int doublings) {
    fs::create_directory(at);
    if (::mount("tmpfs", at.c_str(), "tmpfs", 0, nullptr) != 0) return false;
    for (int i = 0; i < doublings; ++i) {
      const auto into = at / std::to_string(i);
      fs::create_directory(into);
      if (::mount(at.c_str(), into.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) return false;
    }
    return true;
  };
  auto missing = most - left - lines_of("/proc/self/mountinfo");
  for (int doublings = 16, name = 0; doublings >= 0; --doublings)
    for (; missing >= (1L << doublings); missing -= 1L << doublings)
      if (!add(top / std::to_string(name++), doublings)) return -1;
  return 0;
}

// A namespace holds fs.mount-max mounts. The container has nearly as many: too many for what else
// looks at each of them after a run.
TEST_P(Mounts, M05_AsManyMountsAsThereMayBe) {
  long most = 0;
  std::ifstream("/proc/sys/fs/mount-max") >> most;
  constexpr long kLeft = 15;  // less than the plan has
  image().directory("/tmp");
  scene().container.further = [most](const fs::path& root) {
    return fill_with_mounts(root / "tmp", most, kLeft);
  };
  const auto mountinfo = "/proc/" + std::to_string(container().pid()) + "/mountinfo";
  ASSERT_EQ(lines_of(mountinfo), most - kLeft);
  const auto host = lines_of("/proc/self/mountinfo");
  const auto rules = container().device_rules();
  const auto names = run({"find", image().on_disk(), "-ls"}).out;
  scene().bundle.write();

  const auto ended = launch({.arguments = hook_command({"prestart"}),
                             .input = container().state(scene().bundle.path()),
                             .tier = GetParam().tier});

  EXPECT_EQ(ended.status, exit_status_of(ErrorId::NoSpace));
  EXPECT_THAT(ended.err, ::testing::StartsWith("nvhook: E_NOSPC: "));
  EXPECT_EQ(lines_of(mountinfo), most - kLeft);
  EXPECT_EQ(lines_of("/proc/self/mountinfo"), host);
  EXPECT_EQ(container().device_rules(), rules);
  EXPECT_EQ(run({"find", image().on_disk(), "-ls"}).out, names);
  std::cout << ended.wall.count() << " ms, " << ended.max_rss_kib << " KiB\n";
}

TEST_P(Mounts, M06_OnlyFilesAndNodesAreMounted) {
  contained();

  for (const auto& mount : outcome().plan.mounts) {
    struct stat status{};
    ASSERT_EQ(::lstat(mount.source.c_str(), &status), 0) << mount.source;
    EXPECT_TRUE(S_ISREG(status.st_mode) || S_ISCHR(status.st_mode)) << mount.source;
  }
}

// The kernel would mount over the link itself.
TEST_P(Mounts, M07_LinkInPlaceOfAMountPoint) {
  for (const auto* target : {"/etc/debian_version", "/nonexistent", "libnvidia-ml.so.550.54.14"}) {
    SCOPED_TRACE(target);
    start_over();
    image().symlink(kCuda, target);
    refused("E_DST_TYPE");
  }
}

// Devices are allowed when everything else is done, so that what fails grants nothing.
TEST_P(Mounts, M08_DevicesAreAllowedLast) {
  std::size_t mounted_then = 0;
  std::size_t rules = 0;
  std::size_t after = 0;
  scene().watch = [&](const WatchedCall& call) {
    std::error_code none;
    const auto file = fs::read_symlink(
        "/proc/" + std::to_string(call.pid) + "/fd/" + std::to_string(call.arguments[0]), none);
    if (call.number == SYS_write && file.filename() == "devices.allow" && rules++ == 0)
      mounted_then = mounts_below(container().mountinfo(), container().rootfs()).size();
    const bool makes = call.number == SYS_move_mount || call.number == SYS_mount ||
                       call.number == SYS_symlinkat || call.number == SYS_mknodat;
    if (rules > 0 && makes) ++after;
    return Answer{};
  };
  const auto before = mounts_below(container().mountinfo(), container().rootfs()).size();

  contained();

  EXPECT_EQ(rules, 5U);
  EXPECT_EQ(mounted_then, before + outcome().plan.mounts.size());
  EXPECT_EQ(after, 0U);
}

// A node that the container makes itself opens only if its device was granted.
TEST_P(Mounts, M08_NodesOpenByTheCgroupOnly) {
  ASSERT_EQ(::mknod(image().on_disk("/other").c_str(), S_IFCHR | 0666, makedev(195, 1)), 0);
  ASSERT_EQ(::mknod(image().on_disk("/granted").c_str(), S_IFCHR | 0666, makedev(195, 0)), 0);
  scene().bundle.env("NVIDIA_VISIBLE_DEVICES=0");
  contained();

  const auto found = probe({"/other", "/granted", "/dev/nvidia0"});

  EXPECT_EQ(found[0]["read"], "EPERM");
  EXPECT_EQ(found[1]["read"], "ENXIO");
  EXPECT_EQ(found[2]["read"], "ENXIO");
}

INSTANTIATE_TEST_SUITE_P(Kernel, Mounts, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
