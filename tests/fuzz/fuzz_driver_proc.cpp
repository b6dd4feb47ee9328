// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "driver/gpus.hpp"
#include "driver/mig.hpp"
#include "driver/nodes.hpp"
#include "driver/version.hpp"

namespace {

using namespace nvhook::driver;

// A version becomes part of file names: digits and dots, and those of the first line.
void check_version(std::string_view text) {
  const auto version = version_in_nvrm_line(text);
  if (!version) return;
  if (!is_driver_version(*version) || version->contains('/')) std::abort();
  if (!text.substr(0, text.find('\n')).contains(*version)) std::abort();
  if (version_in_nvrm_line("NVRM version: Kernel Module  " + *version + "  Thu\n") != version)
    std::abort();
}

// A GPU has a node of its own below nvidia-modeset and nvidiactl, and the names are of one line.
// Written down once more, it is the same GPU.
void check_information(std::string_view text) {
  const auto gpu = parse_gpu_information(text);
  if (!gpu) return;
  if (gpu->minor >= 254) std::abort();
  for (const auto& name : {gpu->model, gpu->uuid})
    if (name.contains('\n') || !text.contains(name)) std::abort();
  const auto again = parse_gpu_information(
      "Model: \t\t " + gpu->model + "\nGPU UUID: \t " + gpu->uuid + "\nDevice Minor: \t " +
      std::to_string(gpu->minor) + "\nGPU Excluded:\t " + (gpu->excluded ? "Yes" : "No"));
  if (!again || again->model != gpu->model || again->uuid != gpu->uuid ||
      again->minor != gpu->minor || again->excluded != gpu->excluded)
    std::abort();
}

void check_address(std::string_view text) {
  const auto address = parse_pci_address(text);
  if (!address) return;
  char shown[64];
  std::snprintf(shown, sizeof shown, "%llx:%x:%x.%x",
                static_cast<unsigned long long>(address->domain), address->bus, address->device,
                address->function);
  if (parse_pci_address(shown) != address) std::abort();
}

// Block devices have numbers of their own; written down once more, the majors are the same.
void check_majors(std::string_view text) {
  const auto same = [](const Majors& one, const Majors& other) {
    return one.nvidia == other.nvidia && one.uvm == other.uvm && one.caps == other.caps &&
           one.imex_channels == other.imex_channels;
  };
  const auto majors = parse_majors(text);
  const auto with_blocks = std::string(text) + "\n\nBlock devices:\n 77 nvidia\n 78 nvidia-uvm\n";
  if (!same(parse_majors(with_blocks), majors)) std::abort();
  auto again = "Character devices:\n  1 mem\n" + std::to_string(majors.nvidia) + " nvidia\n";
  if (majors.uvm) again += std::to_string(*majors.uvm) + " nvidia-uvm\n";
  if (majors.caps) again += std::to_string(*majors.caps) + " nvidia-caps\n";
  if (majors.imex_channels)
    again += std::to_string(*majors.imex_channels) + " nvidia-caps-imex-channels\n";
  if (!same(parse_majors(again), majors)) std::abort();
  if (majors.caps && !is_major_of(text, *majors.caps, "nvidia-caps")) std::abort();
}

// A minor that a device can have; written down once more, it is the same.
void check_access(std::string_view text) {
  const auto minor = parse_access(text);
  if (!minor) return;
  if (*minor >= 1U << 20U) std::abort();
  if (parse_access("DeviceFileMinor: " + std::to_string(*minor) + "\n") != minor) std::abort();
}

}  // namespace

// What the driver's kernel module and the kernel say below /proc: driver/nvidia/version,
// driver/nvidia/gpus/*/information, the names beside it, what guards MIG devices, and devices. The
// input is all of them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_version(text);
  check_information(text);
  check_address(text);
  check_majors(text);
  check_access(text);
  return 0;
}
