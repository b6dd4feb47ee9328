// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/look.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "nvml/device.hpp"
#include "nvml/session.hpp"

namespace nvhook::nvml {
namespace {

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

// What is asked of each GPU.
struct Parts {
  bool boards = false;  // what they can do, and how they are connected
  bool status = false;
};

// What does not change while the driver runs.
Gpu constants_of(Device& device, unsigned index, const Session& session, Parts parts) {
  Gpu gpu;
  gpu.index = index;
  gpu.minor = device.number<unsigned>("nvmlDeviceGetMinorNumber");
  gpu.uuid = device.text("nvmlDeviceGetUUID");
  gpu.bus = bus_of(device);
  gpu.name = device.text("nvmlDeviceGetName");
  gpu.brand = brand_of(device);
  gpu.arch = arch_of(device);
  if (parts.boards) {
    gpu.hardware = hardware_of(device);
    gpu.links = links_of(device, session.handles());
  }
  return gpu;
}

// Nor does what CUDA says, of some things in the place of an older NVML, which does not know them.
void add_cuda(const Session& session, Gpu& gpu) {
  if (!session.cuda || !gpu.bus || gpu.cuda) return;
  const auto& cuda = *session.cuda;
  const auto own = cuda_ordinal_of(cuda, *gpu.bus);
  if (!own) return;
  gpu.cuda = cuda_device_of(cuda, *own);
  if (!gpu.arch) gpu.arch = cuda_arch_of(cuda, *own);
  if (!gpu.links) return;
  for (auto& link : *gpu.links) {
    if (link.p2p) continue;
    Device other(session.nvml, session.places[link.index].handle);
    if (const auto bus = bus_of(other))
      if (const auto ordinal = cuda_ordinal_of(cuda, *bus))
        link.p2p = cuda_reads(cuda, *own, *ordinal);
  }
}

void add_changing(Device& device, Parts parts, Gpu& gpu) {
  gpu.mig = mig_of(device);
  if (parts.status) gpu.status = status_of(device);
  gpu.error = device.trouble();
}

Gpu lost(const Session& session, unsigned index) {
  Gpu gpu;
  gpu.index = index;
  gpu.error = trouble_of(session.nvml, "nvmlDeviceGetHandleByIndex_v2", session.places[index].code);
  return gpu;
}

}  // namespace

Nvml look(const Wanted& wanted) {
  auto session = open_session(wanted.nvml);
  if (!session) return std::move(session).error();
  if (!wanted.cuda.empty()) open_cuda(wanted.cuda, *session);
  const Parts parts{.boards = wanted.topology, .status = wanted.status};
  Nvml nvml = session->driver;
  for (unsigned i = 0; i < session->places.size(); ++i) {
    if (session->places[i].code != kSuccess) {
      nvml.gpus.push_back(lost(*session, i));
      continue;
    }
    Device device(session->nvml, session->places[i].handle);
    auto gpu = constants_of(device, i, *session, parts);
    add_cuda(*session, gpu);
    add_changing(device, parts, gpu);
    nvml.gpus.push_back(std::move(gpu));
  }
  return nvml;
}

struct Lookout::State {
  Session session;
  std::vector<std::optional<Gpu>> constants;  // of each GPU; none: to be asked
};

Lookout::Lookout(Wanted libraries) : libraries_(std::move(libraries)) {}
Lookout::~Lookout() = default;

Nvml Lookout::look(What what) {
  if (!state_) {
    auto session = open_session(libraries_.nvml);
    if (!session) return std::move(session).error();
    state_ = std::make_unique<State>(State{.session = std::move(*session), .constants = {}});
    state_->constants.resize(state_->session.places.size());
  }
  auto& session = state_->session;
  if (take_handles(session))  // to which the others know no way
    std::ranges::fill(state_->constants, std::nullopt);
  // One that cannot be initialised may take long to say so.
  if (what == What::Everything && !session.cuda && !libraries_.cuda.empty())
    open_cuda(libraries_.cuda, session);
  Nvml nvml = session.driver;
  for (unsigned i = 0; i < session.places.size(); ++i)
    nvml.gpus.push_back(session.places[i].code == kSuccess ? look_at(i, what) : lost(session, i));
  return nvml;
}

Gpu Lookout::look_at(unsigned index, What what) {
  constexpr Parts kAll{.boards = true, .status = true};
  const auto& session = state_->session;
  auto& constants = state_->constants[index];
  Device device(session.nvml, session.places[index].handle);
  auto gpu = constants ? *constants : constants_of(device, index, session, kAll);
  add_cuda(session, gpu);
  if (!device.trouble()) constants = gpu;
  add_changing(device, kAll, gpu);
  if (what == What::Status) {
    gpu.hardware.reset();
    gpu.links.reset();
    gpu.cuda.reset();
  }
  return gpu;
}

}  // namespace nvhook::nvml
