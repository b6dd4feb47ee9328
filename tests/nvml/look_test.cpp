// SPDX-License-Identifier: Apache-2.0
// The inside of nvhook-nvml, with NVML and CUDA of the simulated driver.
#include "nvhook/nvml/look.hpp"

#include <gmock/gmock.h>

#include "nvml/simulated_library.hpp"

namespace nvhook::nvml {
namespace {

using test::description_of_two_gpus;
using test::SimulatedLibraries;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

Nvml look_at(const SimulatedLibraries& libraries) {
  return look({.nvml = libraries.nvml(), .cuda = {}});
}

Nvml look_at_all(const SimulatedLibraries& libraries) {
  return look(
      {.nvml = libraries.nvml(), .cuda = libraries.cuda(), .status = true, .topology = true});
}

TEST(Look, SaysWhatTheDriverIs) {
  const SimulatedLibraries libraries;

  const auto nvml = look_at(libraries);

  EXPECT_FALSE(nvml.error);
  EXPECT_THAT(nvml.driver, Optional(std::string("550.54.14")));
  EXPECT_THAT(nvml.nvml, Optional(std::string("12.550.54.14")));
  EXPECT_THAT(nvml.cuda, Optional(std::string("12.4")));
}

TEST(Look, SaysWhatEachGpuIs) {
  const SimulatedLibraries libraries;

  const auto nvml = look_at(libraries);

  ASSERT_THAT(nvml.gpus, SizeIs(2));
  const auto& first = nvml.gpus[0];
  EXPECT_EQ(first.index, 0U);
  EXPECT_THAT(first.minor, Optional(0U));
  EXPECT_THAT(first.uuid, Optional(std::string("GPU-5eed0000-51d1-4a00-8000-000000000000")));
  EXPECT_THAT(first.bus, Optional(std::string("0000:01:00.0")));
  EXPECT_THAT(first.name, Optional(std::string("NVIDIA A100-SXM4-40GB")));
  EXPECT_THAT(first.brand, Optional(std::string("Tesla")));
  EXPECT_THAT(first.arch, Optional(std::string("8.0")));
  EXPECT_FALSE(first.error);
  const auto& second = nvml.gpus[1];
  EXPECT_THAT(second.bus, Optional(std::string("0000:0a:00.0")));
  EXPECT_THAT(second.brand, Optional(std::string("GeForce")));
  EXPECT_THAT(second.arch, Optional(std::string("8.9")));
}

TEST(Look, FindsMigDevicesBehindAHole) {
  const SimulatedLibraries libraries;

  const auto nvml = look_at(libraries);

  const auto& mig = nvml.gpus.at(0).mig;
  EXPECT_THAT(mig.enabled, Optional(true));
  ASSERT_THAT(mig.devices, SizeIs(2));
  EXPECT_EQ(mig.devices[0].uuid, "MIG-aaaa");
  EXPECT_EQ(mig.devices[1].index, 2U);
  EXPECT_EQ(mig.devices[1].uuid, "MIG-bbbb");
  EXPECT_EQ(mig.devices[1].gpu_instance, 5U);
  EXPECT_EQ(mig.devices[1].compute_instance, 1U);
  EXPECT_FALSE(nvml.gpus.at(1).mig.enabled) << "it cannot be partitioned";
}

TEST(Look, LeavesOutWhatNobodyAskedFor) {
  const SimulatedLibraries libraries;

  const auto nvml = look_at(libraries);

  const auto& gpu = nvml.gpus.at(0);
  EXPECT_FALSE(gpu.status || gpu.hardware || gpu.links || gpu.cuda);
}

TEST(Look, SaysWhatGoesOn) {
  const SimulatedLibraries libraries;

  const auto nvml = look_at_all(libraries);

  ASSERT_TRUE(nvml.gpus.at(0).status);
  const auto& status = *nvml.gpus[0].status;
  EXPECT_THAT(status.gpu_percent, Optional(97U));
  EXPECT_THAT(status.memory_percent, Optional(42U));
  EXPECT_THAT(status.encoder_percent, Optional(1U));
  EXPECT_THAT(status.decoder_percent, Optional(0U));
  EXPECT_THAT(status.memory_used_bytes, Optional(23068672U));
  EXPECT_THAT(status.memory_free_bytes, Optional(42949672960U - 23068672U));
  EXPECT_THAT(status.bar1_used_bytes, Optional(2097152U));
  EXPECT_THAT(status.temperature_c, Optional(61U));
  EXPECT_THAT(status.power_mw, Optional(149250U));
  EXPECT_THAT(status.clock_graphics_mhz, Optional(1095U));
  EXPECT_THAT(status.clock_sm_mhz, Optional(1095U));
  EXPECT_THAT(status.clock_memory_mhz, Optional(1215U));
  EXPECT_THAT(status.clock_video_mhz, Optional(960U));
  EXPECT_THAT(status.ecc_l1, Optional(0U));
  EXPECT_THAT(status.ecc_l2, Optional(1U));
  EXPECT_THAT(status.ecc_memory, Optional(2U));
  EXPECT_THAT(status.pcie_rx_kbps, Optional(1250000U));
  EXPECT_THAT(status.pcie_tx_kbps, Optional(87000U));
  EXPECT_THAT(status.performance_state, Optional(0U));
  ASSERT_TRUE(status.processes);
  ASSERT_THAT(*status.processes, SizeIs(2));
  EXPECT_EQ((*status.processes)[1].pid, 31337U);
  EXPECT_THAT((*status.processes)[1].name, Optional(std::string("./nbody")));
  EXPECT_THAT((*status.processes)[1].memory_bytes, Optional(143654912U));
}

TEST(Look, SaysWhatTheBoardsAreAndHowTheyAreConnected) {
  const SimulatedLibraries libraries;

  const auto nvml = look_at_all(libraries);

  const auto& gpu = nvml.gpus.at(0);
  ASSERT_TRUE(gpu.hardware && gpu.links && gpu.cuda);
  EXPECT_THAT(gpu.hardware->memory_bytes, Optional(42949672960U));
  EXPECT_THAT(gpu.hardware->bar1_bytes, Optional(68719476736U));
  EXPECT_THAT(gpu.hardware->power_limit_mw, Optional(400000U));
  EXPECT_THAT(gpu.hardware->pcie_generation, Optional(4U));
  EXPECT_THAT(gpu.hardware->pcie_width, Optional(16U));
  EXPECT_THAT(gpu.hardware->clock_sm_mhz, Optional(1410U));
  EXPECT_THAT(gpu.hardware->clock_memory_mhz, Optional(1215U));
  ASSERT_THAT(*gpu.links, SizeIs(1));
  EXPECT_EQ(gpu.links->front().index, 1U);
  EXPECT_THAT(gpu.links->front().level, Optional(std::string("single-switch")));
  EXPECT_THAT(gpu.links->front().p2p, Optional(true));
  EXPECT_THAT(gpu.cuda->multiprocessors, Optional(108U));
  EXPECT_THAT(gpu.cuda->ecc, Optional(true));
  EXPECT_THAT(gpu.cuda->memory_bytes, Optional(42949672960U));
  EXPECT_THAT(gpu.cuda->shared_bytes, Optional(167936U));
  EXPECT_THAT(gpu.cuda->constant_bytes, Optional(65536U));
  EXPECT_THAT(gpu.cuda->l2_bytes, Optional(41943040U));
  EXPECT_THAT(gpu.cuda->memory_clock_khz, Optional(1215000U));
  EXPECT_THAT(gpu.cuda->memory_bus_bits, Optional(5120U));
}

TEST(Look, MakesDoWithAGpuThatSupportsNothing) {
  const SimulatedLibraries libraries;

  const auto nvml = look_at_all(libraries);

  const auto& gpu = nvml.gpus.at(1);
  ASSERT_TRUE(gpu.status && gpu.hardware);
  EXPECT_FALSE(gpu.status->temperature_c || gpu.status->gpu_percent || gpu.hardware->memory_bytes);
  EXPECT_FALSE(gpu.error) << "what is not supported has not failed";
}

TEST(Look, MakesDoWithAnOlderDriver) {
  const SimulatedLibraries libraries(
      description_of_two_gpus(),
      {"nvmlInit_v2", "nvmlDeviceGetBrand", "nvmlDeviceGetMigMode", "nvmlSystemGetNVMLVersion",
       "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetP2PStatus",
       "nvmlSystemGetCudaDriverVersion_v2", "nvmlErrorString"});

  const auto nvml = look_at_all(libraries);

  EXPECT_FALSE(nvml.error);
  EXPECT_FALSE(nvml.nvml);
  EXPECT_THAT(nvml.cuda, Optional(std::string("12.4"))) << "by the older function";
  ASSERT_THAT(nvml.gpus, SizeIs(2));
  const auto& gpu = nvml.gpus[0];
  EXPECT_FALSE(gpu.brand);
  EXPECT_FALSE(gpu.mig.enabled);
  ASSERT_TRUE(gpu.status->processes);
  EXPECT_THAT(*gpu.status->processes, SizeIs(2)) << "by the older function";
  EXPECT_THAT(gpu.links->front().p2p, Optional(true)) << "by CUDA";
  EXPECT_THAT(gpu.arch, Optional(std::string("8.0")));
  EXPECT_FALSE(gpu.error) << "what the driver does not have has not failed";
}

TEST(Look, MakesDoWithADriverThatHasNoneOfIt) {
  const SimulatedLibraries libraries(description_of_two_gpus(),
                                     {"nvmlDeviceGetCount", "nvmlDeviceGetCount_v2"});

  const auto nvml = look_at(libraries);

  EXPECT_THAT(nvml.gpus, IsEmpty());
  ASSERT_TRUE(nvml.error);
  EXPECT_EQ(nvml.error->name, "FUNCTION_NOT_FOUND");
}

TEST(Look, SaysWhichCallFailedAndHow) {
  auto description = description_of_two_gpus();
  description["fail"] = "nvmlDeviceGetBrand=15 nvmlDeviceGetUUID=3";
  const SimulatedLibraries libraries(description);

  const auto nvml = look_at(libraries);

  EXPECT_FALSE(nvml.error);
  const auto& gpu = nvml.gpus.at(0);
  EXPECT_FALSE(gpu.brand || gpu.uuid);
  EXPECT_THAT(gpu.arch, Optional(std::string("8.0"))) << "the other answers count";
  ASSERT_TRUE(gpu.error);
  EXPECT_EQ(gpu.error->call, "nvmlDeviceGetBrand");
  EXPECT_EQ(gpu.error->code, 15);
  EXPECT_EQ(gpu.error->name, "GPU_IS_LOST");
  EXPECT_EQ(gpu.error->text, "GPU is lost");
}

TEST(Look, SaysWhyNvmlCannotBeInitialised) {
  auto description = description_of_two_gpus();
  description["fail"] = "nvmlInit_v2=18";
  const SimulatedLibraries libraries(description);

  const auto nvml = look_at(libraries);

  ASSERT_TRUE(nvml.error);
  EXPECT_EQ(nvml.error->call, "nvmlInit_v2");
  EXPECT_EQ(nvml.error->name, "LIB_RM_VERSION_MISMATCH");
  EXPECT_EQ(nvml.error->text, "Driver/library version mismatch");
}

TEST(Look, SaysThatThereIsNoLibrary) {
  const auto nvml = look({.nvml = "/nowhere/libnvidia-ml.so.1", .cuda = {}});

  ASSERT_TRUE(nvml.error);
  EXPECT_EQ(nvml.error->call, "dlopen");
  EXPECT_EQ(nvml.error->name, "LIBRARY_NOT_FOUND");
  EXPECT_THAT(nvml.error->text, HasSubstr("/nowhere/libnvidia-ml.so.1"));
}

}  // namespace
}  // namespace nvhook::nvml
