// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/look.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "nvml/device.hpp"

namespace nvhook::nvml {
namespace {

constexpr unsigned kMostGpus = 64;  // the driver itself ends at 32

// nvmlBrandType_t
constexpr std::array<std::string_view, 17> kBrands = {
    "Unknown",   "Quadro",    "Tesla",  "NVS",        "GRID",    "GeForce",
    "TITAN",     "VApps",     "VPC",    "VCS",        "VWS",     "CloudGaming",
    "QuadroRTX", "NvidiaRTX", "Nvidia", "GeForceRTX", "TitanRTX"};

std::optional<std::string> brand_of(Device& device) {
  const auto brand = device.number<int>("nvmlDeviceGetBrand");
  if (!brand || *brand < 0 || *brand >= static_cast<int>(kBrands.size())) return std::nullopt;
  return std::string(kBrands[static_cast<std::size_t>(*brand)]);
}

std::optional<std::string> arch_of(Device& device) {
  int major = 0;
  int minor = 0;
  if (!device.ask("nvmlDeviceGetCudaComputeCapability", &major, &minor) || major < 0 || minor < 0)
    return std::nullopt;
  return std::to_string(major) + "." + std::to_string(minor);
}

// As /proc/driver/nvidia/gpus has it.
std::optional<std::string> bus_of(Device& device) {
  struct {
    char legacy_id[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char id[96];  // 32 in _v3, four numbers before
  } pci{};
  if (!device.succeeded(
          "nvmlDeviceGetPciInfo",
          device.library().call_first(
              {"nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetPciInfo_v2", "nvmlDeviceGetPciInfo"},
              device.handle(), static_cast<void*>(&pci))))
    return std::nullopt;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.0", pci.domain, pci.bus, pci.device);
  return std::string(text.data());
}

// "12.4" of 12040.
std::string cuda_version(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 100 / 10);
}

std::optional<std::string> system_text(const Library& library, const char* name) {
  std::array<char, 81> text{};
  if (library.call(name, text.data(), static_cast<unsigned>(text.size() - 1)) != kSuccess)
    return std::nullopt;
  return std::string(text.data());
}

// CUDA, once it is loaded and initialised; it finds no device otherwise.
std::optional<Library> open_cuda(const std::string& path, Nvml& nvml) {
  if (path.empty()) return std::nullopt;
  auto cuda = Library::open(path);
  if (!cuda) return std::nullopt;
  int version = 0;
  if (cuda->call("cuDriverGetVersion", &version) == kSuccess && version > 0)
    nvml.cuda = cuda_version(version);
  if (cuda->call("cuInit", 0U) != kSuccess) return std::nullopt;
  return std::move(*cuda);
}

Gpu gpu_of(Device device, unsigned index, const std::vector<Handle>& all, const Wanted& wanted,
           const std::optional<Library>& cuda) {
  Gpu gpu;
  gpu.index = index;
  gpu.minor = device.number<unsigned>("nvmlDeviceGetMinorNumber");
  gpu.uuid = device.text("nvmlDeviceGetUUID");
  gpu.bus = bus_of(device);
  gpu.name = device.text("nvmlDeviceGetName");
  gpu.brand = brand_of(device);
  gpu.arch = arch_of(device);
  gpu.mig = mig_of(device);
  if (wanted.topology) {
    gpu.hardware = hardware_of(device);
    gpu.links = links_of(device, all);
  }
  if (cuda && gpu.bus) gpu.cuda = cuda_device_of(*cuda, *gpu.bus);
  if (wanted.status) gpu.status = status_of(device);
  gpu.error = device.trouble();
  return gpu;
}

}  // namespace

Nvml look(const Wanted& wanted) {
  Nvml nvml;
  const auto library = Library::open(wanted.nvml);
  if (!library) {
    nvml.error = {.call = "dlopen",
                  .code = kLibraryNotFound,
                  .name = std::string(name_of_code(kLibraryNotFound)),
                  .text = library.error()};
    return nvml;
  }
  const auto failed = [&](const char* call, int code) {
    nvml.error = trouble_of(*library, call, code);
    return nvml;
  };
  if (const int code = library->call_first({"nvmlInit_v2", "nvmlInit"}); code != kSuccess)
    return failed("nvmlInit_v2", code);
  nvml.driver = system_text(*library, "nvmlSystemGetDriverVersion");
  nvml.nvml = system_text(*library, "nvmlSystemGetNVMLVersion");
  // The newer one says nothing where it does not find libcuda, the older one what was built into
  // it.
  for (const char* name : {"nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion"}) {
    int version = 0;
    if (library->call(name, &version) != kSuccess || version <= 0) continue;
    nvml.cuda = cuda_version(version);
    break;
  }
  const auto cuda = open_cuda(wanted.cuda, nvml);

  unsigned count = 0;
  if (const int code = library->call_first({"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"}, &count);
      code != kSuccess)
    return failed("nvmlDeviceGetCount_v2", code);
  count = std::min(count, kMostGpus);
  std::vector<Handle> all(count, nullptr);
  std::vector<int> codes(count, kSuccess);
  for (unsigned i = 0; i < count; ++i)
    codes[i] = library->call_first({"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"},
                                   i, &all[i]);
  for (unsigned i = 0; i < count; ++i) {
    if (codes[i] == kSuccess) {
      nvml.gpus.push_back(gpu_of({*library, all[i]}, i, all, wanted, cuda));
      continue;
    }
    Gpu lost;
    lost.index = i;
    lost.error = trouble_of(*library, "nvmlDeviceGetHandleByIndex_v2", codes[i]);
    nvml.gpus.push_back(std::move(lost));
  }
  return nvml;
}

}  // namespace nvhook::nvml
