// SPDX-License-Identifier: Apache-2.0
// The inside of nvhook-nvml --watch, with NVML and CUDA of the simulated driver.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "nvhook/nvml/look.hpp"
#include "nvml/simulated_library.hpp"

namespace nvhook::nvml {
namespace {

using test::description_of_k40s;
using test::description_of_two_gpus;
using test::SimulatedLibraries;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

Wanted all_of(const SimulatedLibraries& libraries) {
  return {.nvml = libraries.nvml(), .cuda = libraries.cuda()};
}

// What nvidia-docker-plugin took from a K40m, and where the two of the shape differ.
struct Expected {
  std::string uuid, bus;
  std::uint64_t used, bar1_used;
  std::uint32_t gpu, memory, celsius, power, sm, clock, rx, tx;
  std::uint64_t ecc_memory;
};
const std::array kK40s = {
    Expected{"GPU-a1c2e3f4-0b1d-4c5e-8f90-1234567890ab", "0000:05:00.0", 23068672, 2097152, 0, 0,
             34, 20493, 324, 324, 0, 0, 0},
    Expected{"GPU-b7d8e9fa-1c2d-4e3f-9a0b-abcdef012345", "0000:0a:00.0", 3429892096, 4194304, 97,
             42, 61, 149872, 745, 3004, 1250500, 87999, 2}};

TEST(Lookout, GivesWhatRecordedAnswersWereMadeOf) {
  const SimulatedLibraries libraries(description_of_k40s());
  Lookout lookout(all_of(libraries));

  const auto nvml = lookout.look(What::Everything);

  EXPECT_THAT(nvml.driver, Optional(std::string("361.48")));
  EXPECT_THAT(nvml.cuda, Optional(std::string("8.0")));
  ASSERT_THAT(nvml.gpus, SizeIs(2));
  for (unsigned i = 0; i < 2; ++i) {
    const auto& gpu = nvml.gpus[i];
    SCOPED_TRACE(i);
    EXPECT_THAT(gpu.minor, Optional(i));
    EXPECT_THAT(gpu.uuid, Optional(kK40s[i].uuid));
    EXPECT_THAT(gpu.bus, Optional(kK40s[i].bus));
    EXPECT_THAT(gpu.name, Optional(std::string("Tesla K40m")));
    EXPECT_THAT(gpu.arch, Optional(std::string("3.5")));
    ASSERT_TRUE(gpu.hardware && gpu.links && gpu.cuda && gpu.status);
    const auto& [memory, bar1, power, generation, width, sm, clock] = *gpu.hardware;
    EXPECT_THAT(bar1, Optional(17179869184U));
    EXPECT_THAT(power, Optional(235000U));
    EXPECT_THAT(generation, Optional(3U));
    EXPECT_THAT(width, Optional(16U));
    EXPECT_THAT(sm, Optional(875U));
    EXPECT_THAT(clock, Optional(3004U));
    ASSERT_THAT(*gpu.links, SizeIs(1));
    EXPECT_EQ(gpu.links->front().index, 1 - i);
    EXPECT_THAT(gpu.links->front().level, Optional(std::string("host-bridge")));
    EXPECT_THAT(gpu.links->front().p2p, Optional(true));
    EXPECT_THAT(gpu.cuda->multiprocessors, Optional(15U));
    EXPECT_THAT(gpu.cuda->ecc, Optional(true));
    EXPECT_THAT(gpu.cuda->memory_bytes, Optional(12079136768U));
    EXPECT_THAT(gpu.cuda->shared_bytes, Optional(49152U));
    EXPECT_THAT(gpu.cuda->constant_bytes, Optional(65536U));
    EXPECT_THAT(gpu.cuda->l2_bytes, Optional(1572864U));
    EXPECT_THAT(gpu.cuda->memory_clock_khz, Optional(3004000U));
    EXPECT_THAT(gpu.cuda->memory_bus_bits, Optional(384U));
  }
}

TEST(Lookout, GivesTheStatusThatRecordedAnswersWereMadeOf) {
  const SimulatedLibraries libraries(description_of_k40s());
  Lookout lookout(all_of(libraries));

  const auto nvml = lookout.look(What::Status);

  ASSERT_THAT(nvml.gpus, SizeIs(2));
  for (unsigned i = 0; i < 2; ++i) {
    const auto& gpu = nvml.gpus[i];
    const auto& due = kK40s[i];
    SCOPED_TRACE(i);
    EXPECT_THAT(gpu.uuid, Optional(due.uuid));
    EXPECT_FALSE(gpu.hardware || gpu.links || gpu.cuda);
    ASSERT_TRUE(gpu.status);
    const auto& status = *gpu.status;
    EXPECT_THAT(status.gpu_percent, Optional(due.gpu));
    EXPECT_THAT(status.memory_percent, Optional(due.memory));
    EXPECT_THAT(status.encoder_percent, Optional(0U));
    EXPECT_THAT(status.decoder_percent, Optional(0U));
    EXPECT_THAT(status.memory_used_bytes, Optional(due.used));
    EXPECT_THAT(status.bar1_used_bytes, Optional(due.bar1_used));
    EXPECT_THAT(status.temperature_c, Optional(due.celsius));
    EXPECT_THAT(status.power_mw, Optional(due.power));
    EXPECT_THAT(status.clock_sm_mhz, Optional(due.sm));
    EXPECT_THAT(status.clock_memory_mhz, Optional(due.clock));
    EXPECT_THAT(status.ecc_l1, Optional(0U));
    EXPECT_THAT(status.ecc_l2, Optional(0U));
    EXPECT_THAT(status.ecc_memory, Optional(due.ecc_memory));
    EXPECT_THAT(status.pcie_rx_kbps, Optional(due.rx));
    EXPECT_THAT(status.pcie_tx_kbps, Optional(due.tx));
    ASSERT_TRUE(status.processes);
    EXPECT_THAT(*status.processes, SizeIs(i * 2));
  }
  EXPECT_EQ(nvml.gpus[1].status->processes->front().pid, 4242U);
  EXPECT_THAT(nvml.gpus[1].status->processes->front().name,
              Optional(std::string("/usr/bin/python")));
  EXPECT_THAT(nvml.gpus[1].status->processes->front().memory_bytes, Optional(3262119936U));
}

TEST(Lookout, MakesDoWithBoardsThatSupportNothing) {
  const SimulatedLibraries libraries(description_of_k40s(2, "k40-na"));
  Lookout lookout(all_of(libraries));

  const auto nvml = lookout.look(What::Everything);

  ASSERT_THAT(nvml.gpus, SizeIs(2));
  const auto& gpu = nvml.gpus[0];
  EXPECT_FALSE(gpu.name || gpu.error);
  ASSERT_TRUE(gpu.hardware && gpu.status && gpu.cuda && gpu.links);
  EXPECT_TRUE(*gpu.hardware == Hardware());
  EXPECT_TRUE(*gpu.status == Status());
  EXPECT_THAT(gpu.links->front().p2p, Optional(false));
  EXPECT_THAT(gpu.cuda->ecc, Optional(false));
  EXPECT_THAT(gpu.cuda->memory_bytes, Optional(12079136768U));
}

// The names that NVML had when it came with driver 304, as far as we ask for them.
TEST(Lookout, AsksCudaForWhatAnOldNvmlDoesNotKnow) {
  const SimulatedLibraries libraries(
      description_of_k40s(),
      {"nvmlInit_v2", "nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2",
       "nvmlDeviceGetPciInfo_v3", "nvmlSystemGetNVMLVersion", "nvmlSystemGetCudaDriverVersion",
       "nvmlSystemGetCudaDriverVersion_v2", "nvmlDeviceGetBrand", "nvmlDeviceGetMinorNumber",
       "nvmlDeviceGetCudaComputeCapability", "nvmlDeviceGetMigMode", "nvmlDeviceGetP2PStatus",
       "nvmlDeviceGetTopologyCommonAncestor", "nvmlDeviceGetBAR1MemoryInfo",
       "nvmlDeviceGetEncoderUtilization", "nvmlDeviceGetDecoderUtilization",
       "nvmlDeviceGetMemoryErrorCounter", "nvmlDeviceGetPcieThroughput",
       "nvmlDeviceGetComputeRunningProcesses_v3"});
  Lookout lookout(all_of(libraries));

  const auto nvml = lookout.look(What::Everything);

  EXPECT_FALSE(nvml.error);
  EXPECT_THAT(nvml.cuda, Optional(std::string("8.0")));
  ASSERT_THAT(nvml.gpus, SizeIs(2));
  const auto& gpu = nvml.gpus[1];
  EXPECT_FALSE(gpu.error) << "what the driver does not have has not failed";
  EXPECT_THAT(gpu.bus, Optional(std::string("0000:0a:00.0")));
  EXPECT_THAT(gpu.arch, Optional(std::string("3.5")));
  EXPECT_FALSE(gpu.brand || gpu.minor);
  ASSERT_TRUE(gpu.hardware && gpu.status && gpu.links);
  EXPECT_FALSE(gpu.hardware->bar1_bytes);
  EXPECT_FALSE(gpu.links->front().level);
  EXPECT_THAT(gpu.links->front().p2p, Optional(true));
  EXPECT_FALSE(gpu.status->encoder_percent || gpu.status->ecc_l1 || gpu.status->pcie_rx_kbps);
  EXPECT_THAT(gpu.status->power_mw, Optional(149872U));
  ASSERT_TRUE(gpu.status->processes);
  ASSERT_THAT(*gpu.status->processes, SizeIs(2));
  EXPECT_THAT((*gpu.status->processes)[1].name, Optional(std::string("./nbody")));
}

TEST(Lookout, ShowsMoreProcessesThanFitAtOnceAndOneThatIsGone) {
  auto description = description_of_k40s();
  auto& processes = description["gpus"][0]["processes"];
  processes = {"7 1048576", "8 18446744073709551615 unmeasured"};
  for (int i = 0; i < 98; ++i) processes.push_back(std::to_string(1000 + i) + " 1024 worker");
  const SimulatedLibraries libraries(description);
  Lookout lookout(all_of(libraries));

  const auto nvml = lookout.look(What::Status);

  const auto& gpu = nvml.gpus.at(0);
  EXPECT_FALSE(gpu.error);
  ASSERT_TRUE(gpu.status->processes);
  ASSERT_THAT(*gpu.status->processes, SizeIs(100));
  EXPECT_FALSE(gpu.status->processes->at(0).name);
  EXPECT_THAT(gpu.status->processes->at(0).memory_bytes, Optional(1048576U));
  EXPECT_THAT(gpu.status->processes->at(1).name, Optional(std::string("unmeasured")));
  EXPECT_FALSE(gpu.status->processes->at(1).memory_bytes);
}

TEST(Lookout, LeavesALostGpuToItself) {
  auto description = description_of_k40s(3);
  description["gpus"][1]["lost"] = 1;
  const SimulatedLibraries libraries(description);
  Lookout lookout(all_of(libraries));

  const auto nvml = lookout.look(What::Everything);

  EXPECT_FALSE(nvml.error);
  ASSERT_THAT(nvml.gpus, SizeIs(3));
  ASSERT_TRUE(nvml.gpus[1].error);
  EXPECT_EQ(nvml.gpus[1].error->name, "GPU_IS_LOST");
  EXPECT_FALSE(nvml.gpus[1].status);
  for (const auto i : {0, 2}) {
    EXPECT_FALSE(nvml.gpus[i].error);
    EXPECT_TRUE(nvml.gpus[i].status);
    ASSERT_THAT(*nvml.gpus[i].links, SizeIs(1)) << "there is no way to the lost one";
    EXPECT_EQ(nvml.gpus[i].links->front().index, static_cast<unsigned>(2 - i));
  }
}

TEST(Lookout, KnowsTheWaysToAGpuThatIsBack) {
  auto description = description_of_k40s();
  description["gpus"][1]["lost_at_first"] = 2;  // it is asked for twice by the first look
  const SimulatedLibraries libraries(description);
  Lookout lookout(all_of(libraries));

  const auto before = lookout.look(What::Everything);
  const auto after = lookout.look(What::Everything);

  EXPECT_TRUE(before.gpus.at(1).error);
  EXPECT_THAT(*before.gpus[0].links, IsEmpty());
  for (const auto& gpu : after.gpus) {
    EXPECT_FALSE(gpu.error);
    EXPECT_THAT(*gpu.links, SizeIs(1));
  }
}

// Each of the two GPUs is asked for its name once; asked once more, this NVML would give none.
TEST(Lookout, AsksOnceForWhatDoesNotChange) {
  auto description = description_of_k40s();
  description["fail"] = "nvmlDeviceGetName=15";
  description["spared"] = 2;
  const SimulatedLibraries libraries(description);
  Lookout lookout(all_of(libraries));

  for (const auto what : {What::Status, What::Everything, What::Status}) {
    const auto nvml = lookout.look(what);

    for (const auto& gpu : nvml.gpus) {
      EXPECT_FALSE(gpu.error);
      EXPECT_THAT(gpu.name, Optional(std::string("Tesla K40m")));
      EXPECT_EQ(gpu.hardware.has_value(), what == What::Everything);
      EXPECT_EQ(gpu.cuda.has_value(), what == What::Everything);
    }
  }
}

TEST(Lookout, SaysWhatFailsLater) {
  auto description = description_of_two_gpus();
  description["fail"] = "nvmlDeviceGetTemperature=15";
  description["spared"] = 2;
  const SimulatedLibraries libraries(description);
  Lookout lookout(all_of(libraries));

  const auto well = lookout.look(What::Status);
  const auto failing = lookout.look(What::Status);

  EXPECT_FALSE(well.gpus.at(0).error);
  EXPECT_THAT(well.gpus.at(0).status->temperature_c, Optional(61U));
  EXPECT_FALSE(failing.gpus.at(0).status->temperature_c);
  ASSERT_TRUE(failing.gpus.at(0).error);
  EXPECT_EQ(failing.gpus.at(0).error->call, "nvmlDeviceGetTemperature");
  EXPECT_THAT(failing.gpus.at(0).status->power_mw, Optional(149250U)) << "the rest counts";
}

void make_node(const std::string& path) {
  std::ofstream(path).close();
  ::chmod(path.c_str(), 0666);
}

TEST(Lookout, TriesAgainUntilTheDriverIsLoaded) {
  const SimulatedLibraries libraries(description_of_k40s());
  const auto control = libraries.node("nvidiactl");
  std::filesystem::remove(control);
  Lookout lookout(all_of(libraries));

  const auto without = lookout.look(What::Everything);
  make_node(control);
  const auto with = lookout.look(What::Everything);

  ASSERT_TRUE(without.error);
  EXPECT_EQ(without.error->name, "DRIVER_NOT_LOADED");
  EXPECT_THAT(without.gpus, IsEmpty());
  EXPECT_FALSE(with.error);
  EXPECT_THAT(with.gpus, SizeIs(2));
}

TEST(Lookout, TriesAgainUntilCudaWorks) {
  const SimulatedLibraries libraries(description_of_k40s());
  const auto node = libraries.node("nvidia-uvm");
  std::filesystem::remove(node);
  Lookout lookout(all_of(libraries));

  const auto without = lookout.look(What::Everything);
  make_node(node);
  const auto with = lookout.look(What::Everything);

  EXPECT_FALSE(without.gpus.at(0).cuda);
  EXPECT_TRUE(without.gpus.at(0).status);
  ASSERT_TRUE(with.gpus.at(0).cuda);
  EXPECT_THAT(with.gpus[0].cuda->multiprocessors, Optional(15U));
}

TEST(Lookout, SaysTheSameAsOneLook) {
  const SimulatedLibraries libraries;
  auto wanted = all_of(libraries);
  wanted.status = wanted.topology = true;
  Lookout lookout(wanted);

  EXPECT_TRUE(lookout.look(What::Everything) == look(wanted));
  EXPECT_TRUE(lookout.look(What::Everything) == look(wanted)) << "the second time as well";
}

}  // namespace
}  // namespace nvhook::nvml
