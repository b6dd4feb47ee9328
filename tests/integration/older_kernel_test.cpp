// SPDX-License-Identifier: Apache-2.0
// On a kernel without the newer calls the plan is the same, to the byte, and so is a refusal.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>

#include <functional>

#include "integration/bundle.hpp"
#include "support/child.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Case {
  const char* name;
  std::function<void(Bundle&)> prepare;  // before the container is made
  TestContainer::Options options = {};
  int status = 0;
};

void move_libraries_behind_links(Bundle& bundle) {
  auto& root = bundle.root();
  fs::remove(root.on_disk(kLibraryDirectory));
  root.directory("/opt/real").symlink(kLibraryDirectory, "/elsewhere/../opt/./real/");
  root.directory("/elsewhere");
}

void chain_links(Bundle& bundle, int links) {
  auto& root = bundle.root();
  fs::remove(root.on_disk(kLibraryDirectory));
  root.directory("/chain0").symlink(kLibraryDirectory, "/chain" + std::to_string(links - 1));
  for (int i = 1; i < links; ++i)
    root.symlink("/chain" + std::to_string(i), "chain" + std::to_string(i - 1));
}

std::vector<Case> cases() {
  const auto linked_to = [](const char* target) {
    return [target](Bundle& bundle) {
      fs::remove(bundle.root().on_disk(kLibraryDirectory));
      bundle.root().symlink(kLibraryDirectory, target);
    };
  };
  return {
      {"a usual image", [](Bundle&) {}},
      {"all capabilities", [](Bundle& bundle) { bundle.env("NVIDIA_DRIVER_CAPABILITIES=all"); }},
      {"one GPU", [](Bundle& bundle) { bundle.env("NVIDIA_VISIBLE_DEVICES=1"); }},
      {"no GPU", [](Bundle& bundle) { bundle.env("NVIDIA_VISIBLE_DEVICES=void"); }},
      {"links on the way", move_libraries_behind_links},
      {"stale and foreign links",
       [](Bundle& bundle) {
         const std::string directory = kLibraryDirectory;
         bundle.root()
             .symlink(directory + "/libcuda.so.1", "libcuda.so.535.104.05")
             .symlink(directory + "/libcuda.so", "/proc/self/exe")
             .file(directory + "/libnvidia-ml.so.1", "the image's");
       }},
      {"no library directory",
       [](Bundle& bundle) { fs::remove(bundle.root().on_disk(kLibraryDirectory)); }},
      {"the image's own /dev", [](Bundle&) {}, {.dev = TestContainer::Dev::Image}},
      {"forty links", [](Bundle& bundle) { chain_links(bundle, 40); }},
      {"forty-one links", [](Bundle& bundle) { chain_links(bundle, 41); }, {}, 4},
      {"a loop", linked_to("x86_64-linux-gnu"), {}, 4},
      {"a magic link", linked_to("/proc/self/root"), {}, 4},
      {"a magic link behind a plain one of procfs", linked_to("/proc/self/cwd/usr"), {}, 4},
      {"procfs", linked_to("/proc"), {}, 4},
      {"a file behind plain links of procfs", linked_to("/proc/mounts"), {}, 4},
      {"a link to nothing", linked_to("/nowhere"), {}, 4},
      {"a volume where libraries go",
       [](Bundle&) {},
       {.volumes = {{NVHOOK_SIMULATED_HOST "/etc", kLibraryDirectory}}},
       4},
      {"shared mounts", [](Bundle&) {}, {.propagation = TestContainer::Propagation::Shared}, 4},
  };
}

class OlderKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }

  static Finished here(const std::vector<std::string>& arguments, const std::string& state = {}) {
    return run(nvhook_on(NVHOOK_SIMULATED_HOST, arguments), state);
  }
  static Finished there(const std::vector<std::string>& arguments, const std::string& state = {}) {
    auto command = nvhook_on(NVHOOK_SIMULATED_HOST, arguments);
    command.front() = NVHOOK_ON_AN_OLDER_KERNEL;
    return run(command, state);
  }
};

TEST_F(OlderKernel, PlansTheSame) {
  for (const auto& [name, prepare, options, status] : cases()) {
    SCOPED_TRACE(name);
    Bundle bundle;
    prepare(bundle);
    bundle.write();
    const TestContainer container(bundle.root().on_disk(), options);
    const auto state = container.state(bundle.path());
    const auto before = container.snapshot();
    for (const auto* format : {"json", "text"}) {
      const auto expected = here({"--dry-run", "--format", format}, state);
      const auto got = there({"--dry-run", "--format", format}, state);

      EXPECT_EQ(expected.status, status) << expected.err;
      EXPECT_EQ(got.status, expected.status);
      EXPECT_EQ(got.out, expected.out);
      EXPECT_EQ(got.err, expected.err);
    }
    EXPECT_EQ(container.changes_since(before), "");
  }
}

TEST_F(OlderKernel, PlansTheSameForABundle) {
  for (const auto& [name, prepare, options, status] : cases()) {
    SCOPED_TRACE(name);
    Bundle bundle;
    prepare(bundle);
    bundle.write();

    const auto expected = here({"--dry-run", "--bundle", bundle.path(), "--format", "json"});
    const auto got = there({"--dry-run", "--bundle", bundle.path(), "--format", "json"});

    EXPECT_EQ(got.status, expected.status);
    EXPECT_EQ(got.out, expected.out);
    EXPECT_EQ(got.err, expected.err);
  }
}

TEST_F(OlderKernel, IsToldFromAFilterThatForbidsCalls) {
  Bundle bundle;
  const TestContainer container(bundle.root().on_disk());
  auto command = nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"});
  command.insert(command.begin(), {NVHOOK_WITHOUT_CALLS, "EPERM", "openat2"});

  const auto done = run(command, container.state(bundle.path()));

  EXPECT_EQ(done.status, 5);
  EXPECT_THAT(done.err, StartsWith("nvhook: E_KERNEL: "));
  EXPECT_THAT(done.err, HasSubstr("openat2 is forbidden here"));
}

// What runs where something else is mounted at /proc, in the words of the hook.
std::string complaint_over_proc(const std::vector<std::string>& command, const std::string& state,
                                const std::function<bool()>& mount_over_proc) {
  return said_by_child([&]() -> std::string {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 || !mount_over_proc())
      return "cannot mount";
    return run(command, state).err;
  });
}

TEST_F(OlderKernel, RefusesWhereProcIsNoProcfs) {
  Bundle bundle;
  const TestContainer container(bundle.root().on_disk());
  const auto state = container.state(bundle.path());
  const auto tmpfs = [] { return ::mount("tmpfs", "/proc", "tmpfs", 0, nullptr) == 0; };
  const auto init = [] { return ::mount("/proc/1", "/proc", nullptr, MS_BIND, nullptr) == 0; };
  auto older = nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"});
  older.front() = NVHOOK_ON_AN_OLDER_KERNEL;

  for (const auto& command : {nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"}), older})
    for (const auto& mount : std::vector<std::function<bool()>>{tmpfs, init})
      // A sanitized build has its own complaints before ours.
      EXPECT_THAT(complaint_over_proc(command, state, mount), HasSubstr("nvhook: E_KERNEL: "));
}

}  // namespace
}  // namespace nvhook::test
