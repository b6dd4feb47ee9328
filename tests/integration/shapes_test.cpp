// SPDX-License-Identifier: Apache-2.0
// Hosts of many shapes, written by the simulated driver, as nvhook info and nvhook list see them.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "support/command.hpp"
#include "support/fake_root.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

class Shape : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: the nodes of the simulated driver";
  }

  void make(std::vector<std::string> options) {
    options.insert(options.begin(), {NVHOOK_SIMULATED_DRIVER, host().string()});
    const auto done = run(options);
    ASSERT_EQ(done.status, 0) << done.err;
  }
  [[nodiscard]] fs::path host() const { return work_.on_disk("/host"); }
  [[nodiscard]] std::string at(const fs::path& inside) const { return (host() / inside).string(); }

  // What nvhook prints of the host, whose driver root is below it.
  [[nodiscard]] Finished ask(const std::string& what, const std::string& format = "json") const {
    return run({NVHOOK_PROGRAM, what, "--format", format, "--driver-root", host() / driver_root_,
                "--proc-root", host() / "proc", "--sys-root", host() / "sys"});
  }
  [[nodiscard]] json seen_with_warnings(const std::string& what) const {
    const auto done = ask(what);
    EXPECT_EQ(done.status, 0) << done.err;
    auto document = json::parse(done.out, nullptr, false);
    EXPECT_TRUE(document.is_object()) << done.out;
    return document;
  }
  [[nodiscard]] json seen(const std::string& what) const {
    auto document = seen_with_warnings(what);
    EXPECT_EQ(document["warnings"], json::array());
    return document;
  }
  // Of the libraries, what is before ".so".
  [[nodiscard]] static std::multiset<std::string> libraries(const json& list,
                                                            const std::string& kind = "library") {
    std::multiset<std::string> names;
    for (const auto& file : list["files"])
      if (file["kind"] == kind) {
        const auto name = fs::path(file["path"].get<std::string>()).filename().string();
        names.insert(name.substr(0, name.find(".so")));
      }
    return names;
  }
  // Below the host's /dev.
  [[nodiscard]] std::set<std::string> nodes(const json& list) const {
    std::set<std::string> names;
    for (const auto& node : list["devices"])
      names.insert(fs::path(node["path"].get<std::string>())
                       .lexically_relative(host() / driver_root_ / "dev")
                       .string());
    return names;
  }
  // "7/0" of each MIG device.
  [[nodiscard]] static std::vector<std::string> mig_of(const json& gpu) {
    std::vector<std::string> devices;
    for (const auto& device : gpu["mig"])
      devices.push_back(device["gpu_instance"].dump() + "/" + device["compute_instance"].dump());
    return devices;
  }

  FakeRoot work_;
  fs::path driver_root_;
};

TEST_F(Shape, OneGpu) {
  make({"--gpus", "1"});

  EXPECT_EQ(seen("info")["gpus"].size(), 1U);
  EXPECT_THAT(nodes(seen("list")),
              ElementsAre("dri/card0", "dri/renderD128", "nvidia-modeset", "nvidia-uvm",
                          "nvidia-uvm-tools", "nvidia0", "nvidiactl"));
}

TEST_F(Shape, EightAndSixteenGpus) {
  for (const int count : {8, 16}) {
    make({"--gpus", std::to_string(count)});

    const auto gpus = seen("info")["gpus"];
    ASSERT_EQ(gpus.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) EXPECT_EQ(gpus[i]["index"], i);
    EXPECT_EQ(gpus[count - 1]["node"], at("dev/nvidia" + std::to_string(count - 1)));
  }
}

TEST_F(Shape, TwoGpusOfSevenMigDevicesEach) {
  make({"--minor", "1=4", "--mig", "0=13/0,12/0,-,11/0,9/0,-,10/0,8/0,7/0", "--mig",
        "1=1/0,1/1,1/2,2/0,-,5/0,13/0,14/0"});

  const auto gpus = seen("info")["gpus"];
  EXPECT_THAT(mig_of(gpus[0]), ElementsAre("7/0", "8/0", "9/0", "10/0", "11/0", "12/0", "13/0"));
  EXPECT_THAT(mig_of(gpus[1]), ElementsAre("1/0", "1/1", "1/2", "2/0", "5/0", "13/0", "14/0"));
  // The kernel module's own numbers: 3 for gi0 of GPU 0, nine for each instance, 135 for each GPU.
  EXPECT_EQ(gpus[0]["mig"][0]["nodes"],
            json::array({at("dev/nvidia-caps/nvidia-cap66"), at("dev/nvidia-caps/nvidia-cap67")}));
  EXPECT_EQ(gpus[1]["mig"][1]["nodes"], json::array({at("dev/nvidia-caps/nvidia-cap552"),
                                                     at("dev/nvidia-caps/nvidia-cap554")}));
  EXPECT_THAT(ask("info", "text").out, HasSubstr("/13/0\n"));

  std::size_t of_gpus = 0;
  const auto list = seen("list");
  for (const auto& node : list["devices"])
    if (node["path"].get<std::string>().contains("nvidia-cap") && node["gpu"].is_number())
      ++of_gpus;
  EXPECT_EQ(of_gpus, 7U + 7U + 5U + 7U) << "nodes of GPU instances and compute instances";
}

TEST_F(Shape, OlderDriver) {
  make({"--version", "390.157", "--as-released"});

  const auto info = seen_with_warnings("info");
  EXPECT_EQ(info["driver"]["cuda"], "9.1");
  EXPECT_EQ(info["gpus"].size(), 2U);
  const auto list = seen_with_warnings("list");
  const auto found = libraries(list);
  EXPECT_THAT(found, IsSupersetOf({"libcuda", "libnvidia-ml", "libnvidia-fatbinaryloader",
                                   "libnvidia-compiler", "libnvidia-ifr"}));
  for (const auto* newer : {"libnvidia-nvvm", "libnvidia-allocator", "libnvoptix", "libnvidia-ngx"})
    EXPECT_THAT(found, Not(Contains(newer)));
  EXPECT_EQ(list["warnings"], json::array()) << "what drivers got later is not missed";
}

TEST_F(Shape, NewerDriver) {
  make({"--version", "590.44.01", "--as-released"});

  EXPECT_EQ(seen("info")["driver"]["cuda"], "13.1");
  const auto found = libraries(seen("list"));
  EXPECT_THAT(found, IsSupersetOf({"libcuda", "libnvidia-gpucomp", "libnvidia-tileiras"}));
  EXPECT_THAT(found, Not(Contains("libnvidia-compiler")));
}

TEST_F(Shape, LibrariesOf32Bits) {
  make({});

  const auto found = libraries(seen("list"), "library32");
  EXPECT_THAT(found, IsSupersetOf({"libcuda", "libnvidia-ml", "libGLX_nvidia"}));
  EXPECT_THAT(found, Not(Contains("libnvidia-nscq"))) << "which is for 64 bits alone";
}

TEST_F(Shape, OpenKernelModule) {
  make({"--open-module"});
  fs::remove(host() / "sys/module/nvidia/version");

  EXPECT_EQ(seen("info")["driver"]["version"], "550.54.14");
}

TEST_F(Shape, GpuThatIsExcluded) {
  make({"--gpus", "3", "--excluded", "1"});

  const auto gpus = seen("info")["gpus"];
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(gpus[1]["index"], 1);
  EXPECT_EQ(gpus[1]["minor"], 2);
}

TEST_F(Shape, PciDomainOfMoreThan16Bits) {
  make({"--domain", "10a2f"});

  EXPECT_EQ(seen("info")["gpus"][1]["bus"], "10a2f:09:00.0");
}

TEST_F(Shape, GpusThatNobodyHasUsedYet) {
  make({"--unknown-uuids"});

  EXPECT_THAT(seen("info")["gpus"][1]["uuid"].get<std::string>(), HasSubstr("GPU-????"));
}

TEST_F(Shape, DriverInAContainer) {
  make({"--layout", "container"});
  driver_root_ = "run/nvidia/driver";

  const auto info = seen("info");
  EXPECT_EQ(info["driver"]["root"], at(driver_root_));
  EXPECT_EQ(info["gpus"][0]["node"], at(driver_root_ / "dev/nvidia0"));
  EXPECT_EQ(libraries(seen("list")).count("libcuda"), 1U);
}

TEST_F(Shape, DriverThatNoCacheKnows) {
  make({"--layout", "local"});
  ASSERT_FALSE(fs::exists(host() / "etc/ld.so.cache"));

  const auto list = seen("list");
  EXPECT_EQ(libraries(list).count("libcuda"), 1U);
  EXPECT_EQ(libraries(list, "library32").count("libcuda"), 1U);
  EXPECT_THAT(list["files"], Contains(::testing::Truly([&](const json& file) {
                return file["path"] == at("usr/local/nvidia/bin/nvidia-smi");
              })));
}

TEST_F(Shape, DevicesBesideGpus) {
  make({"--imex", "0,7", "--feature", "gds", "--feature", "mofed", "--feature", "gdrcopy",
        "--feature", "nvswitch"});

  EXPECT_THAT(
      nodes(seen("list")),
      IsSupersetOf({"nvidia-caps-imex-channels/channel0", "nvidia-caps-imex-channels/channel7",
                    "nvidia-fs0", "infiniband/uverbs0", "infiniband/rdma_cm", "gdrdrv",
                    "nvidia-nvswitchctl", "nvidia-nvswitch0"}));
}

TEST_F(Shape, WithoutAGpu) {
  make({"--gpus", "0"});

  const auto done = ask("info");

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(json::parse(done.out)["gpus"], IsEmpty());
  EXPECT_THAT(done.out, HasSubstr("W_NO_GPUS"));
}

}  // namespace
}  // namespace nvhook::test
