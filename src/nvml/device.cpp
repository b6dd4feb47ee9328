// SPDX-License-Identifier: Apache-2.0
#include "nvml/device.hpp"

namespace nvhook::nvml {
namespace {

// All ones: not available.
constexpr unsigned long long kNone = ~0ULL;

// NVML does not say how many MIG devices there may be on drivers that lack the function: seven is
// what every board so far can be cut into.
constexpr unsigned kUsualMigDevices = 7;
constexpr unsigned kMostMigDevices = 64;

}  // namespace

Trouble trouble_of(const Library& library, std::string_view call, int code) {
  Trouble trouble{
      .call = std::string(call), .code = code, .name = std::string(name_of_code(code)), .text = {}};
  if (code == kFunctionNotFound) {
    trouble.text = "this driver does not have the function";
  } else if (auto* words = library.find<const char*(int)>("nvmlErrorString")) {
    const char* text = words(code);
    if (text != nullptr) trouble.text = text;
  }
  return trouble;
}

bool Device::succeeded(const char* name, int code) {
  if (code == kSuccess) return true;
  const bool has_none = code == kNotSupported || code == kFunctionNotFound || code == kNotFound;
  if (!has_none && !trouble_) trouble_ = trouble_of(library_, name, code);
  return false;
}

Mig mig_of(Device& device) {
  Mig mig;
  unsigned current = 0;
  unsigned pending = 0;
  if (!device.ask("nvmlDeviceGetMigMode", &current, &pending)) return mig;
  mig.enabled = current == 1;
  mig.pending = pending == 1;
  if (current != 1) return mig;
  const auto most = device.number<unsigned>("nvmlDeviceGetMaxMigDeviceCount");
  // There may be holes where a device has been taken away.
  for (unsigned i = 0; i < std::min(most.value_or(kUsualMigDevices), kMostMigDevices); ++i) {
    Handle handle = nullptr;
    if (!device.ask("nvmlDeviceGetMigDeviceHandleByIndex", i, &handle)) continue;
    Device one(device.library(), handle);
    const auto uuid = one.text("nvmlDeviceGetUUID");
    const auto gpu_instance = one.number<unsigned>("nvmlDeviceGetGpuInstanceId");
    const auto compute_instance = one.number<unsigned>("nvmlDeviceGetComputeInstanceId");
    if (uuid && gpu_instance && compute_instance)
      mig.devices.push_back({i, *uuid, *gpu_instance, *compute_instance});
  }
  return mig;
}

Hardware hardware_of(Device& device) {
  Hardware hardware;
  struct {
    unsigned long long total, free, used;
  } memory{};  // nvmlMemory_t, nvmlBAR1Memory_t
  if (device.ask("nvmlDeviceGetMemoryInfo", &memory)) hardware.memory_bytes = memory.total;
  if (device.ask("nvmlDeviceGetBAR1MemoryInfo", &memory)) hardware.bar1_bytes = memory.total;
  hardware.power_limit_mw = device.number<unsigned>("nvmlDeviceGetPowerManagementLimit");
  hardware.pcie_generation = device.number<unsigned>("nvmlDeviceGetMaxPcieLinkGeneration");
  hardware.pcie_width = device.number<unsigned>("nvmlDeviceGetMaxPcieLinkWidth");
  constexpr int kSm = 1;  // nvmlClockType_t
  constexpr int kMemory = 2;
  hardware.clock_sm_mhz = device.number<unsigned>("nvmlDeviceGetMaxClockInfo", kSm);
  hardware.clock_memory_mhz = device.number<unsigned>("nvmlDeviceGetMaxClockInfo", kMemory);
  return hardware;
}

namespace {

std::optional<std::string> level_named(int level) {
  switch (level) {  // nvmlGpuTopologyLevel_t
    case 0:
      return "same-board";
    case 10:
      return "single-switch";
    case 20:
      return "several-switches";
    case 30:
      return "host-bridge";
    case 40:
      return "numa-node";
    case 50:
      return "system";
    default:
      return std::nullopt;
  }
}

}  // namespace

std::vector<Link> links_of(Device& device, const std::vector<Handle>& others) {
  constexpr int kRead = 0;  // nvmlGpuP2PCapsIndex_t
  // What fails may be the other GPU's failure.
  Device way(device.library(), device.handle());
  std::vector<Link> links;
  for (unsigned i = 0; i < others.size(); ++i) {
    if (others[i] == device.handle() || others[i] == nullptr) continue;
    Link link{.index = i, .level = {}, .p2p = {}};
    if (const auto level = way.number<int>("nvmlDeviceGetTopologyCommonAncestor", others[i]))
      link.level = level_named(*level);
    if (const auto p2p = way.number<int>("nvmlDeviceGetP2PStatus", others[i], kRead))
      link.p2p = *p2p == 0;  // NVML_P2P_STATUS_OK
    links.push_back(std::move(link));
  }
  return links;
}

namespace {

std::optional<std::string> name_of_process(const Library& library, unsigned pid) {
  std::array<char, 256> name{};
  if (library.call("nvmlSystemGetProcessName", pid, name.data(),
                   static_cast<unsigned>(name.size() - 1)) != kSuccess)
    return std::nullopt;
  return std::string(name.data());
}

template <class Entry>
std::optional<std::vector<Process>> processes_by(Device& device, const char* function) {
  std::vector<Entry> entries(64);
  auto count = static_cast<unsigned>(entries.size());
  auto code = device.library().call(function, device.handle(), &count, entries.data());
  // As many as it says, and some that start meanwhile.
  constexpr unsigned kMost = 4000;
  if (code == kInsufficientSize && count < kMost) {
    entries.resize(count + 16);
    count = static_cast<unsigned>(entries.size());
    code = device.library().call(function, device.handle(), &count, entries.data());
  }
  if (!device.succeeded(function, code)) return std::nullopt;
  std::vector<Process> processes;
  for (const auto& entry : std::span(entries).first(std::min<std::size_t>(count, entries.size()))) {
    Process process{
        .pid = entry.pid, .name = name_of_process(device.library(), entry.pid), .memory_bytes = {}};
    if (entry.memory != kNone) process.memory_bytes = entry.memory;
    processes.push_back(std::move(process));
  }
  return processes;
}

std::optional<std::vector<Process>> processes_of(Device& device) {
  struct Entry1 {  // nvmlProcessInfo_v1_t
    unsigned pid;
    unsigned long long memory;
  };
  struct Entry2 {  // nvmlProcessInfo_v2_t, of _v3 as well
    unsigned pid;
    unsigned long long memory;
    unsigned gpu_instance, compute_instance;
  };
  static_assert(sizeof(Entry1) == 16 && sizeof(Entry2) == 24);
  for (const char* function :
       {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"})
    if (device.library().find<int()>(function) != nullptr)
      return processes_by<Entry2>(device, function);
  return processes_by<Entry1>(device, "nvmlDeviceGetComputeRunningProcesses");
}

}  // namespace

Status status_of(Device& device) {
  Status status;
  struct {
    unsigned gpu, memory;
  } utilization{};  // nvmlUtilization_t
  if (device.ask("nvmlDeviceGetUtilizationRates", &utilization)) {
    status.gpu_percent = utilization.gpu;
    status.memory_percent = utilization.memory;
  }
  unsigned percent = 0;
  unsigned period = 0;
  if (device.ask("nvmlDeviceGetEncoderUtilization", &percent, &period))
    status.encoder_percent = percent;
  if (device.ask("nvmlDeviceGetDecoderUtilization", &percent, &period))
    status.decoder_percent = percent;
  struct {
    unsigned long long total, free, used;
  } memory{};
  if (device.ask("nvmlDeviceGetMemoryInfo", &memory) && memory.used != kNone) {
    status.memory_used_bytes = memory.used;
    status.memory_free_bytes = memory.free;
  }
  if (device.ask("nvmlDeviceGetBAR1MemoryInfo", &memory)) status.bar1_used_bytes = memory.used;
  status.temperature_c = device.number<unsigned>("nvmlDeviceGetTemperature", 0);
  status.power_mw = device.number<unsigned>("nvmlDeviceGetPowerUsage");
  status.clock_graphics_mhz = device.number<unsigned>("nvmlDeviceGetClockInfo", 0);
  status.clock_sm_mhz = device.number<unsigned>("nvmlDeviceGetClockInfo", 1);
  status.clock_memory_mhz = device.number<unsigned>("nvmlDeviceGetClockInfo", 2);
  status.clock_video_mhz = device.number<unsigned>("nvmlDeviceGetClockInfo", 3);
  constexpr int kUncorrected = 1;  // nvmlMemoryErrorType_t
  constexpr int kVolatile = 0;     // nvmlEccCounterType_t
  const auto ecc_errors = [&](int where) -> std::optional<std::uint64_t> {
    return device.number<unsigned long long>("nvmlDeviceGetMemoryErrorCounter", kUncorrected,
                                             kVolatile, where);
  };
  status.ecc_l1 = ecc_errors(0);  // nvmlMemoryLocation_t
  status.ecc_l2 = ecc_errors(1);
  status.ecc_memory = ecc_errors(2);
  status.pcie_tx_kbps = device.number<unsigned>("nvmlDeviceGetPcieThroughput", 0);
  status.pcie_rx_kbps = device.number<unsigned>("nvmlDeviceGetPcieThroughput", 1);
  if (const auto state = device.number<int>("nvmlDeviceGetPerformanceState");
      state && *state >= 0 && *state < 16)
    status.performance_state = static_cast<unsigned>(*state);
  status.processes = processes_of(device);
  return status;
}

}  // namespace nvhook::nvml
