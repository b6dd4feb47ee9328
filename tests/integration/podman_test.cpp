// SPDX-License-Identifier: Apache-2.0
// Real podman with a hooks.d file, over runc.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "integration/gpu_bundle.hpp"
#include "integration/tree_picture.hpp"

namespace nvhook::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Podman : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
    // Hard limits that a machine without CAP_SYS_RESOURCE can set; cgroups without systemd.
    scratch_.file("/containers.conf",
                  "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"
                  "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n");
    register_hooks(hook_entry("createRuntime"), hook_entry("poststop"));
  }

  // As oci-examples shows it, but for what is run.
  void register_hooks(const nlohmann::json& create_runtime, const nlohmann::json& poststop) {
    for (const std::string file : {"/nvhook.json", "/nvhook-poststop.json"}) {
      std::ifstream in(NVHOOK_SOURCE_DIR "/oci-examples/hooks.d" + file);
      auto hook = nlohmann::json::parse(in);
      const auto& ours = hook["stages"][0] == "poststop" ? poststop : create_runtime;
      hook["hook"]["path"] = ours["path"];
      hook["hook"]["args"] = ours["args"];
      scratch_.file("/hooks.d" + file, hook.dump());
    }
  }

  Finished podman(const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"podman",
                                    "--root",
                                    scratch_.on_disk("/root"),
                                    "--runroot",
                                    scratch_.on_disk("/run"),
                                    "--storage-driver",
                                    "vfs",
                                    "--hooks-dir",
                                    scratch_.on_disk("/hooks.d"),
                                    "--runtime",
                                    "runc"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all, {},
               {"CONTAINERS_CONF=" + scratch_.on_disk("/containers.conf").string(), "HOME=/root"});
  }

  Finished podman_run(const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"run", "--rm", "--network", "none"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return podman(all);
  }

  FakeRoot scratch_;
};

// ":O" puts an overlay of the container's own over the root.
constexpr auto kRootfs = NVHOOK_ROOTS "/minbase:O";

TEST_F(Podman, ListsTheGpusOfAContainerThatAsksForThem) {
  const auto done =
      podman_run({"--env", "NVIDIA_VISIBLE_DEVICES=all", "--rootfs", kRootfs, "nvidia-smi", "-L"});

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("GPU 0: "));
  EXPECT_THAT(done.out, HasSubstr("GPU 1: "));
  EXPECT_TRUE(std::filesystem::is_empty("/run/nvhook")) << "a record";
}

TEST_F(Podman, LeavesOtherContainersAlone) {
  const auto done = podman_run({"--rootfs", kRootfs, "ls", "/dev", "/usr/bin"});

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, Not(HasSubstr("nvidia")));
}

TEST_F(Podman, PassesTheHooksMessageOn) {
  const auto done =
      podman_run({"--env", "NVIDIA_VISIBLE_DEVICES=all", "--env",
                  "NVIDIA_DRIVER_CAPABILITIES=teleport", "--rootfs", kRootfs, "true"});

  EXPECT_EQ(done.status, 126);
  EXPECT_THAT(done.err, HasSubstr("E_REQ_CAPABILITY"));
}

class PodmanRoot : public Podman, public ::testing::WithParamInterface<Layout> {};

TEST_P(PodmanRoot, IsAsItWasOnceTheContainerIsRemoved) {
  const GpuBundle bundle("host", GetParam());
  register_hooks(bundle.hook("createRuntime"), bundle.hook("poststop"));
  const auto rootfs = bundle.rootfs("/").string();
  // What podman itself makes in a root, mount points for the most part, is made now.
  ASSERT_EQ(podman_run({"--rootfs", rootfs, "true"}).status, 0);
  const auto before = picture_of(rootfs);

  const auto done =
      podman({"run", "--name", "gpus", "--network", "none", "--env", "NVIDIA_VISIBLE_DEVICES=all",
              "--rootfs", rootfs, "dlopen-probe", "libcuda.so.1", "libnvidia-ml.so.1"});
  EXPECT_EQ(done.status, 0) << done.err << bundle.log();
  EXPECT_EQ(done.out,
            GpuBundle::found_in(GetParam() == Layout::Tree ? kTreeLibraries
                                                           : "/usr/lib/x86_64-linux-gnu"));
  EXPECT_EQ(podman({"rm", "gpus"}).status, 0);

  EXPECT_THAT(differences(before, picture_of(rootfs)), IsEmpty()) << bundle.log();
  EXPECT_TRUE(std::filesystem::is_empty("/run/nvhook")) << "a record";
}

INSTANTIATE_TEST_SUITE_P(Of, PodmanRoot, ::testing::Values(Layout::System, Layout::Tree),
                         [](const auto& each) { return std::string(name_of(each.param)); });

}  // namespace
}  // namespace nvhook::test
