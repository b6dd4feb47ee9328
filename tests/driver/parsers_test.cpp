// SPDX-License-Identifier: Apache-2.0
// The driver's texts under /proc and /sys, as literals; these need no fake host and no root.
#include <gtest/gtest.h>

#include "driver/gpus.hpp"
#include "driver/nodes.hpp"
#include "driver/version.hpp"

namespace nvhook::driver {
namespace {

TEST(DriverVersion, IsThreeDigitsAndMoreNumbers) {
  for (const auto* good : {"550.54.14", "470.57", "340.108", "1000.1.2"})
    EXPECT_TRUE(is_driver_version(good)) << good;
  for (const auto* bad : {"", "1", "1.7.0", "550", "550.", ".550.1", "550..1", "550.1a", "550.1 ",
                          "123456789.123456789.123456789.123"})
    EXPECT_FALSE(is_driver_version(bad)) << bad;
}

TEST(DriverVersion, StandsBehindTheWordsKernelModule) {
  EXPECT_EQ(
      version_in_nvrm_line("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu\n"),
      "550.54.14");
  EXPECT_EQ(version_in_nvrm_line(
                "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release\n"),
            "570.86.10");
  EXPECT_EQ(version_in_nvrm_line("NVRM version: 550.54.14\nKernel Module 550.54.14\n"),
            std::nullopt);
  EXPECT_EQ(version_in_nvrm_line(""), std::nullopt);
}

TEST(PciAddress, ComparesAsNumbers) {
  EXPECT_LT(*parse_pci_address("9000:01:00.0"), *parse_pci_address("10000:01:00.0"));
  EXPECT_LT(*parse_pci_address("0000:01:09.0"), *parse_pci_address("0000:01:0a.0"));
  EXPECT_EQ(*parse_pci_address("0000:81:1f.7"), (PciAddress{0, 0x81, 0x1f, 7}));
}

TEST(PciAddress, IsRefusedInAnyOtherForm) {
  for (const auto* bad : {"", "0000:01:00", "0000:01.0", "0000:01:00.", "0000:01:00.0x",
                          " 0000:01:00.0", "-1:01:00.0", "0000:01:00.0.0"})
    EXPECT_EQ(parse_pci_address(bad), std::nullopt) << bad;
}

TEST(GpuInformation, IsReadKeyByKey) {
  const auto gpu = parse_gpu_information(
      "Model: \t\t Tesla T4\r\nGPU UUID: \t GPU-1\nOdd line\nDevice Minor: \t 12\n"
      "GPU Firmware: \t 550.54.14\nGPU Excluded:\t Yes");

  ASSERT_TRUE(gpu) << gpu.error().text();
  EXPECT_EQ(gpu->model, "Tesla T4");
  EXPECT_EQ(gpu->uuid, "GPU-1");
  EXPECT_EQ(gpu->minor, 12U);
  EXPECT_TRUE(gpu->excluded);
}

TEST(Majors, AreThoseOfCharacterDevices) {
  const auto majors = parse_majors(
      "Character devices:\n  1 mem\n195 nvidia\n195 nvidiactl\n510 nvidia-uvm\n\n"
      "Block devices:\n  9 nvidia\n");

  EXPECT_EQ(majors.nvidia, 195U);
  EXPECT_EQ(majors.uvm, 510U);
  EXPECT_EQ(parse_majors("").nvidia, 195U);
  EXPECT_EQ(parse_majors("").uvm, std::nullopt);
}

}  // namespace
}  // namespace nvhook::driver
