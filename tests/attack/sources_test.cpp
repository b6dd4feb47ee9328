// SPDX-License-Identifier: Apache-2.0
// Family S: what may be brought into a container. Nothing of the image, and of the host only what
// nobody but root could have put there.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "attack/attack.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const auto kCuda = std::string(kLibraryDirectory) + "/libcuda.so.550.54.14";

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class Sources : public Attack {
 protected:
  // A host of the test's own, to be spoilt: the scene's from now on.
  FakeRoot& own_host() {
    host_ = std::make_unique<FakeRoot>();
    const auto copied = run({"/bin/cp", "-a", Scene::simulated_host() / ".", host_->on_disk()});
    EXPECT_EQ(copied.status, 0) << copied.err;
    scene().host = host_->on_disk();
    return *host_;
  }
  void TearDown() override {
    if (mounted_) ::umount2(host_->on_disk().c_str(), MNT_DETACH);
  }
  // The host's tree as a mount of its own.
  void mount_host(unsigned long flags) {
    const auto path = host_->on_disk();
    ASSERT_EQ(::mount(path.c_str(), path.c_str(), nullptr, MS_BIND, nullptr), 0);
    mounted_ = true;
    if (flags != 0) {
      ASSERT_EQ(::mount(nullptr, path.c_str(), nullptr, flags, nullptr), 0);
    }
  }
  void replace_node(const std::string& name, const std::function<int(const char*)>& make) {
    const auto path = host_->on_disk("/dev/" + name);
    fs::remove(path);
    ASSERT_EQ(make(path.c_str()), 0);
  }

 private:
  std::unique_ptr<FakeRoot> host_;
  bool mounted_ = false;
};

TEST_P(Sources, S01_CompatLibrariesOfTheImage) {
  const std::vector<std::function<void(FakeRoot&)>> images = {
      [](FakeRoot& image) { image.symlink("/usr/local/cuda/compat/libcuda.so.999", "/"); },
      [](FakeRoot& image) { image.symlink("/usr/local/cuda/compat/libcuda.so.999", "/etc"); },
      [](FakeRoot& image) {
        image.symlink("/usr/local/cuda/compat/libcuda.so.999.99.99", "/run/docker.sock");
      },
      [](FakeRoot& image) { image.directory("/usr/local/cuda/compat/libcuda.so.999.99.99"); },
      [](FakeRoot& image) { image.symlink("/usr/local/cuda/compat", "/"); },
      [](FakeRoot& image) { image.symlink("/usr/local/cuda", "../../../../../.."); },
  };
  for (const auto& make : images) {
    start_over();
    make(image());
    // That each new mount is one of the plan's, and the plan made of the host, the oracles say.
    contained();
    for (const auto& mount : outcome().plan.mounts)
      EXPECT_TRUE(mount.source.starts_with(scene().host.string() + "/")) << mount.source;
  }
}

// Where one of our mounts changes what a later name of the image's means.
TEST_P(Sources, S02_NewerLibrariesOfTheImage) {
  image()
      .file("/usr/local/cuda/compat/libcuda.so.999.99.99", "the image's")
      .symlink("/usr/local/cuda/compat/libcuda.so.1", "libcuda.so.999.99.99")
      .file(std::string(kLibraryDirectory) + "/libcuda.so.999.99.99", "the image's")
      .symlink("/usr/local/cuda/lib64", kLibraryDirectory)
      .file("/etc/ld.so.conf.d/000_compat.conf", "/usr/local/cuda/compat\n")
      .file("/usr/bin/nvidia-smi", "the image's");

  contained();

  for (const auto& mount : outcome().plan.mounts)
    EXPECT_THAT(mount.source, Not(HasSubstr("compat")));
  EXPECT_EQ(text_of(container().inside("/usr/local/cuda/compat/libcuda.so.1")), "the image's");
}

TEST_P(Sources, S03_NoSourceIsTakenInsideTheContainer) {
  scene().traced = true;
  contained();

  // The last namespace that it enters is the container's.
  const auto calls = calls_of_last_run();
  const auto entered = std::ranges::find(calls.rbegin(), calls.rend(), "setns", &Call::name);
  ASSERT_NE(entered, calls.rend());
  std::size_t taken = 0;
  for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
    if (call->name != "open_tree" || call->result.starts_with("-1")) continue;
    EXPECT_GT(call, entered) << "inside the container";
    ++taken;
  }
  if (GetParam().tier == Tier::New) {
    EXPECT_GE(taken, outcome().plan.mounts.size());
  }
}

TEST_P(Sources, S04_NodeThatIsNotTheDevice) {
  const std::function<int(const char*)> others[] = {
      [](const char* path) { return ::mknod(path, S_IFREG | 0666, 0); },
      [](const char* path) { return ::mkdir(path, 0755); },
      [](const char* path) { return ::mkfifo(path, 0666); },
      [](const char* path) { return ::symlink("nvidia1", path); },
      [](const char* path) { return ::symlink("/dev/sda", path); },
      [](const char* path) { return ::mknod(path, S_IFCHR | 0666, makedev(1, 1)); },
      [](const char* path) { return ::mknod(path, S_IFCHR | 0666, makedev(195, 1)); },
      [](const char* path) { return ::mknod(path, S_IFBLK | 0666, makedev(195, 0)); },
  };
  own_host();
  for (const auto* name : {"nvidia0", "nvidiactl", "nvidia-uvm"}) {
    for (const auto& make : others) {
      replace_node(name, make);
      refused("E_NODE_TYPE");
    }
    start_over();
    own_host();
  }
}

TEST_P(Sources, S04_NodesWhereOthersCouldPutTheirs) {
  const auto dev = own_host().on_disk("/dev");
  ASSERT_EQ(::chown(dev.c_str(), 1000, 1000), 0);
  refused("E_SRC_TRUST");
  ASSERT_EQ(::chown(dev.c_str(), 0, 0), 0);
  fs::permissions(dev, fs::perms{0777});
  refused("E_SRC_TRUST");
}

// A node's own mode and owner are as the driver was told to make them.
TEST_P(Sources, S05_NodesAreAnybodys) {
  const auto node = own_host().on_disk("/dev/nvidia0");
  ASSERT_EQ(::chown(node.c_str(), 1000, 44), 0);
  fs::permissions(node, fs::perms{0666});

  contained();
}

TEST_P(Sources, S05_LibraryOrProgramThatOthersCouldChange) {
  for (const std::string& name : {kCuda, std::string("/usr/bin/nvidia-smi")}) {
    const std::function<void(const fs::path&)> spoil[] = {
        [](const fs::path& file) { fs::permissions(file, fs::perms{0757}); },
        [](const fs::path& file) { fs::permissions(file, fs::perms{0775}); },
        [](const fs::path& file) { ASSERT_EQ(::chown(file.c_str(), 1000, 0), 0); },
        [](const fs::path& file) { fs::permissions(file.parent_path(), fs::perms{0777}); },
        [](const fs::path& file) { fs::permissions(file.parent_path(), fs::perms{01777}); },
        [](const fs::path& file) { ASSERT_EQ(::chown(file.parent_path().c_str(), 1000, 0), 0); },
    };
    for (const auto& make : spoil) {
      start_over();
      make(own_host().on_disk(name));
      refused("E_SRC_TRUST");
    }
  }
}

TEST_P(Sources, S05_LibraryOnAFileSystemThatNothingIsExecutedFrom) {
  own_host();
  mount_host(MS_BIND | MS_REMOUNT | MS_NOEXEC);

  refused("E_SRC_TRUST");
}

// Seen from a user namespace the host's root is nobody.
TEST_P(Sources, S05_HookInAUserNamespace) {
  scene().rehearsed = false;
  std::vector<std::string> command = {"unshare", "--user", "--map-root-user"};
  for (const auto& word : hook_command({"--dry-run", "--bundle"})) command.push_back(word);
  command.push_back(scene().bundle.path());

  const auto& ended = run_instead(command);

  EXPECT_EQ(ended.finished.status, 0) << ended.finished.err;
}

// By somebody who updates the driver, when its files are found and not yet taken.
TEST_P(Sources, S07_LibraryReplacedBeforeItIsTaken) {
  auto& host = own_host();
  host.file("/new", "of the new driver");
  ASSERT_EQ(::chown(host.on_disk("/new").c_str(), 1000, 1000), 0);
  bool replaced = false;
  scene().watch = [&](const WatchedCall& call) {
    // It makes sure that no other hook is at work when it has found everything.
    if (call.number == SYS_flock && !replaced) {
      fs::rename(host.on_disk("/new"), host.on_disk(kCuda));
      replaced = true;
    }
    return Answer{};
  };

  contained_or_refused({"E_SRC_TRUST", "E_SRC_CHANGED"});
  EXPECT_TRUE(replaced);
}

// What was taken is what is mounted, whatever the name leads to by then.
TEST_P(Sources, S07_LibraryReplacedAfterItIsTaken) {
  auto& host = own_host();
  host.file("/new", "of the new driver");
  const auto old = text_of(host.on_disk(kCuda));
  bool replaced = false;
  scene().watch = [&](const WatchedCall& call) {
    if (call.number == SYS_setns && !replaced) {
      fs::rename(host.on_disk("/new"), host.on_disk(kCuda));
      replaced = true;
    }
    return Answer{};
  };
  (void)container();

  // Some kernels mount no file that has no name any more.
  contained_or_refused({"E_SRC_CHANGED", "E_RACE"});

  EXPECT_TRUE(replaced);
  if (outcome().finished.status == 0) {
    EXPECT_EQ(text_of(container().inside(kCuda)), old);
  }
}

TEST_P(Sources, S08_LinksOfTheDriversTreeStayInside) {
  auto& host = own_host();
  // Absolute, as a driver in a container has them: they mean its own tree.
  const auto real = fs::path("/opt/driver/libcuda.so.550.54.14");
  host.directory("/opt/driver");
  fs::rename(host.on_disk(kCuda), host.on_disk(real.string()));
  fs::create_symlink(real, host.on_disk(kCuda));

  contained();

  const auto taken = std::ranges::find(outcome().plan.mounts, host.on_disk(real.string()).string(),
                                       &PlannedMount::source);
  EXPECT_NE(taken, outcome().plan.mounts.end());
}

TEST_P(Sources, S08_LinksOfTheDriversTreeThatWouldLeaveIt) {
  auto& host = own_host();
  victim().file("/libcuda.so.550.54.14", "elsewhere on the host");
  const auto elsewhere = victim().on_disk("/libcuda.so.550.54.14");
  for (const auto& target : {elsewhere, "../../../../../../../../.." / elsewhere.relative_path()}) {
    fs::remove(host.on_disk(kCuda));
    fs::create_symlink(target, host.on_disk(kCuda));
    refused("E_DRIVER_INCOMPLETE");
  }
}

TEST_P(Sources, S09_SourcesOnASharedMount) {
  own_host();
  mount_host(MS_SHARED);

  contained();

  // Ours neither receive nor send what is mounted there.
  std::istringstream lines(container().mountinfo());
  std::size_t ours = 0;
  for (std::string line; std::getline(lines, line);) {
    const bool planned = std::ranges::any_of(outcome().plan.mounts, [&](const auto& mount) {
      return line.contains(" " + container().rootfs().string() + mount.target + " ");
    });
    if (!planned) continue;
    ++ours;
    EXPECT_THAT(line, Not(HasSubstr("shared:")));
    EXPECT_THAT(line, Not(HasSubstr("master:")));
  }
  EXPECT_EQ(ours, outcome().plan.mounts.size());
}

INSTANTIATE_TEST_SUITE_P(Kernel, Sources, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
