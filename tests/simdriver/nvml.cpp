// SPDX-License-Identifier: Apache-2.0
// libnvidia-ml.so.1 of the simulated driver: NVML's C ABI (nvml.h of the CUDA toolkit) as far as
// nvidia-smi and nvhook-nvml need it. Like the real one it shows a process only the GPUs whose
// nodes it may open. What a GPU's description does not have is not supported.
#include <cstddef>
#include <cstring>
#include <ctime>
#include <string_view>

#include "description.hpp"
#include "device_node.hpp"

namespace {

using simdriver::Gpu;

// nvmlReturn_t
constexpr int kSuccess = 0;
constexpr int kUninitialized = 1;
constexpr int kInvalidArgument = 2;
constexpr int kNotSupported = 3;
constexpr int kNotFound = 6;
constexpr int kInsufficientSize = 7;
constexpr int kDriverNotLoaded = 9;
constexpr int kGpuIsLost = 15;
constexpr int kOperatingSystem = 17;  // the device cgroup is in the way

constexpr std::size_t kMaxMig = 16;

// A MIG device, whose handle is that of its place in the session.
struct MigDevice {
  const Gpu* parent = nullptr;
  std::string_view uuid;
  unsigned gpu_instance = 0;
  unsigned compute_instance = 0;
};

struct {
  unsigned users = 0;  // nvmlInit_v2 calls without their nvmlShutdown
  std::size_t count = 0;
  Gpu visible[simdriver::kMaxGpus];
  std::size_t mig_count = 0;
  MigDevice mig[simdriver::kMaxGpus * kMaxMig];
} session;  // as in the real library, one per process

int copy_text(std::string_view text, char* buffer, unsigned size) {
  if (buffer == nullptr) return kInvalidArgument;
  if (text.size() >= size) return kInsufficientSize;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  return kSuccess;
}

// The GPU of a handle, if the library is initialised and has it.
const Gpu* gpu_of(const void* handle) {
  for (std::size_t i = 0; i < session.count; ++i)
    if (handle == &session.visible[i]) return &session.visible[i];
  return nullptr;
}

const MigDevice* mig_of(const void* handle) {
  for (std::size_t i = 0; i < session.mig_count; ++i)
    if (handle == &session.mig[i]) return &session.mig[i];
  return nullptr;
}

// kSuccess when the function may do its work for this device.
int enter(const char* function, const void* device) {
  if (const int refused = simdriver::fate_of(function); refused != 0) return refused;
  if (session.users == 0) return kUninitialized;
  return gpu_of(device) == nullptr ? kInvalidArgument : kSuccess;
}

// By how much the value is more than its least, in this second.
unsigned long long swing_of(const Gpu& gpu, const char* key) {
  char name[48] = {};
  if (std::strlen(key) + sizeof "_swing" > sizeof name) return 0;
  std::strcat(std::strcat(name, key), "_swing");
  unsigned long long most = 0;
  if (!simdriver::number_of(gpu, name, most)) return 0;
  return most * (static_cast<unsigned long long>(std::time(nullptr)) * 3 % 8) / 7;
}

// The usual function: one value of the device's.
template <class Value>
int give(const char* function, const void* device, const char* key, Value* value) {
  if (const int refused = enter(function, device); refused != kSuccess) return refused;
  if (value == nullptr) return kInvalidArgument;
  unsigned long long number = 0;
  if (!simdriver::number_of(*gpu_of(device), key, number)) return kNotSupported;
  *value = static_cast<Value>(number + swing_of(*gpu_of(device), key));
  return kSuccess;
}

struct Memory {
  unsigned long long total, free, used;
};

int give_memory(const char* function, const void* device, const char* total, const char* used,
                Memory* memory) {
  if (const int code = give(function, device, total, &memory->total); code != kSuccess) return code;
  if (const int code = give(function, device, used, &memory->used); code != kSuccess) return code;
  memory->free = memory->total - memory->used;
  return kSuccess;
}

unsigned hexadecimal(std::string_view digits) {
  unsigned value = 0;
  for (const char c : digits)
    value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  return value;
}

void remember_mig_devices() {
  session.mig_count = 0;
  for (std::size_t i = 0; i < session.count; ++i)
    for (std::size_t n = 0; n < kMaxMig; ++n) {
      const auto element = simdriver::element_of(session.visible[i], "mig", n);
      if (element.empty()) break;
      session.mig[session.mig_count++] = {
          &session.visible[i], simdriver::field_of(element, 1),
          static_cast<unsigned>(simdriver::to_number(simdriver::field_of(element, 2))),
          static_cast<unsigned>(simdriver::to_number(simdriver::field_of(element, 3)))};
    }
}

struct FirstProcess {
  unsigned pid;
  unsigned long long memory;
};

struct Process {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance, compute_instance;
};

template <class Entry>
int give_processes(const char* function, const Gpu* device, unsigned* count, Entry* processes) {
  if (const int refused = enter(function, device); refused != kSuccess) return refused;
  if (device->text.find("\"processes\"") == std::string_view::npos) return kNotSupported;
  unsigned running = 0;
  for (;; ++running) {
    const auto element = simdriver::element_of(*device, "processes", running);
    if (element.empty()) break;
    if (running >= *count) continue;
    Entry entry{};
    entry.pid = static_cast<unsigned>(simdriver::to_number(simdriver::field_of(element, 0)));
    entry.memory = simdriver::to_number(simdriver::field_of(element, 1));
    if constexpr (sizeof(Entry) > sizeof(FirstProcess))
      entry.gpu_instance = entry.compute_instance = ~0U;
    processes[running] = entry;
  }
  const bool fits = running <= *count;
  *count = running;
  return fits ? kSuccess : kInsufficientSize;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int nvmlInit_v2() {
  if (const int refused = simdriver::fate_of("nvmlInit_v2"); refused != 0) return refused;
  if (session.users++ > 0) return kSuccess;
  const auto control = simdriver::access_to("/dev/nvidiactl");
  if (control != simdriver::Access::Allowed) {
    session.users = 0;
    return control == simdriver::Access::Denied ? kOperatingSystem : kDriverNotLoaded;
  }
  Gpu all[simdriver::kMaxGpus];
  const auto count = simdriver::gpus(all);
  session.count = 0;
  for (std::size_t i = 0; i < count; ++i)
    if (simdriver::access_to_gpu(all[i].minor) == simdriver::Access::Allowed)
      session.visible[session.count++] = all[i];
  remember_mig_devices();
  return kSuccess;
}

// The functions without a number are those of older drivers, whose libraries are made by leaving
// the newer ones out.
int nvmlInit() { return nvmlInit_v2(); }

int nvmlShutdown() {
  if (session.users == 0) return kUninitialized;
  --session.users;
  return kSuccess;
}

int nvmlSystemGetDriverVersion(char* buffer, unsigned size) {
  if (session.users == 0) return kUninitialized;
  return copy_text(simdriver::driver_version(), buffer, size);
}

int nvmlSystemGetNVMLVersion(char* buffer, unsigned size) {
  if (buffer == nullptr || size < 4) return kInsufficientSize;
  std::memcpy(buffer, "12.", 3);
  return copy_text(simdriver::driver_version(), buffer + 3, size - 3);
}

int nvmlSystemGetCudaDriverVersion(int* version) {
  if (const int told = simdriver::fate_of("nvmlSystemGetCudaDriverVersion"); told != 0) return told;
  *version = simdriver::cuda_version();
  return kSuccess;
}

int nvmlSystemGetCudaDriverVersion_v2(int* version) {
  if (const int told = simdriver::fate_of("nvmlSystemGetCudaDriverVersion_v2"); told != 0)
    return told;
  *version = simdriver::cuda_version();
  return kSuccess;
}

int nvmlDeviceGetCount_v2(unsigned* count) {
  if (session.users == 0) return kUninitialized;
  if (count == nullptr) return kInvalidArgument;
  *count = static_cast<unsigned>(session.count);
  return simdriver::fate_of("nvmlDeviceGetCount_v2");
}

int nvmlDeviceGetCount(unsigned* count) { return nvmlDeviceGetCount_v2(count); }

// "lost": 1 for a GPU that has no handle.
int nvmlDeviceGetHandleByIndex_v2(unsigned index, const Gpu** device) {
  if (session.users == 0) return kUninitialized;
  if (device == nullptr || index >= session.count) return kInvalidArgument;
  unsigned long long lost = 0;
  if (simdriver::number_of(session.visible[index], "lost", lost)) return kGpuIsLost;
  static unsigned long long asked[simdriver::kMaxGpus] = {};
  if (simdriver::number_of(session.visible[index], "lost_at_first", lost) && asked[index]++ < lost)
    return kGpuIsLost;
  *device = &session.visible[index];
  return simdriver::fate_of("nvmlDeviceGetHandleByIndex_v2");
}

int nvmlDeviceGetHandleByIndex(unsigned index, const Gpu** device) {
  return nvmlDeviceGetHandleByIndex_v2(index, device);
}

int nvmlDeviceGetName(const Gpu* device, char* buffer, unsigned size) {
  if (const int refused = enter("nvmlDeviceGetName", device); refused != kSuccess) return refused;
  return copy_text(device->model, buffer, size);
}

int nvmlDeviceGetUUID(const void* device, char* buffer, unsigned size) {
  if (const auto* mig = mig_of(device)) return copy_text(mig->uuid, buffer, size);
  if (const int refused = enter("nvmlDeviceGetUUID", device); refused != kSuccess) return refused;
  return copy_text(gpu_of(device)->uuid, buffer, size);
}

int nvmlDeviceGetMinorNumber(const Gpu* device, unsigned* minor) {
  return give("nvmlDeviceGetMinorNumber", device, "minor", minor);
}

int nvmlDeviceGetBrand(const Gpu* device, int* brand) {
  return give("nvmlDeviceGetBrand", device, "brand", brand);
}

// "arch": 80 is 8.0.
int nvmlDeviceGetCudaComputeCapability(const Gpu* device, int* major, int* minor) {
  int both = 0;
  const int code = give("nvmlDeviceGetCudaComputeCapability", device, "arch", &both);
  *major = both / 10;
  *minor = both % 10;
  return code;
}

struct Pci {
  char legacy_id[16];
  unsigned domain, bus, device, device_id, subsystem_id;
  char id[32];
};

// As far as all versions of it have it in common.
int nvmlDeviceGetPciInfo(const Gpu* device, Pci* pci) {
  if (const int refused = enter("nvmlDeviceGetPciInfo", device); refused != kSuccess)
    return refused;
  const auto text = device->text.find("\"bus\": \"");
  if (text == std::string_view::npos) return kNotSupported;
  const char* bus = device->text.data() + text + 8;  // "0000:01:00.0"
  pci->domain = hexadecimal({bus, 4});
  pci->bus = hexadecimal({bus + 5, 2});
  pci->device = hexadecimal({bus + 8, 2});
  return copy_text({bus, 12}, pci->legacy_id, sizeof pci->legacy_id);
}

int nvmlDeviceGetPciInfo_v3(const Gpu* device, Pci* pci) {
  if (const int refused = enter("nvmlDeviceGetPciInfo_v3", device); refused != kSuccess)
    return refused;
  if (const int code = nvmlDeviceGetPciInfo(device, pci); code != kSuccess) return code;
  return copy_text({pci->legacy_id, 12}, pci->id, sizeof pci->id);
}

int nvmlDeviceGetMigMode(const Gpu* device, unsigned* current, unsigned* pending) {
  if (const int refused = enter("nvmlDeviceGetMigMode", device); refused != kSuccess)
    return refused;
  unsigned long long mode = 0;
  if (!simdriver::number_of(*device, "mig_mode", mode)) return kNotSupported;
  *current = *pending = static_cast<unsigned>(mode);
  return kSuccess;
}

int nvmlDeviceGetMaxMigDeviceCount(const Gpu* device, unsigned* count) {
  *count = 7;
  return enter("nvmlDeviceGetMaxMigDeviceCount", device);
}

int nvmlDeviceGetMigDeviceHandleByIndex(const Gpu* device, unsigned index, const void** mig) {
  if (const int refused = enter("nvmlDeviceGetMigDeviceHandleByIndex", device); refused != kSuccess)
    return refused;
  std::size_t before = 0;  // of the GPUs that come first
  while (before < session.mig_count && session.mig[before].parent != device) ++before;
  for (std::size_t n = 0; n < kMaxMig; ++n) {
    const auto element = simdriver::element_of(*device, "mig", n);
    if (element.empty()) return kNotFound;
    if (simdriver::to_number(simdriver::field_of(element, 0)) != index) continue;
    *mig = &session.mig[before + n];
    return kSuccess;
  }
  return kNotFound;
}

int nvmlDeviceGetGpuInstanceId(const void* device, unsigned* id) {
  const auto* mig = mig_of(device);
  if (mig == nullptr) return kInvalidArgument;
  *id = mig->gpu_instance;
  return kSuccess;
}

int nvmlDeviceGetComputeInstanceId(const void* device, unsigned* id) {
  const auto* mig = mig_of(device);
  if (mig == nullptr) return kInvalidArgument;
  *id = mig->compute_instance;
  return kSuccess;
}

int nvmlDeviceGetMemoryInfo(const Gpu* device, Memory* memory) {
  return give_memory("nvmlDeviceGetMemoryInfo", device, "memory_bytes", "memory_used_bytes",
                     memory);
}

int nvmlDeviceGetBAR1MemoryInfo(const Gpu* device, Memory* memory) {
  return give_memory("nvmlDeviceGetBAR1MemoryInfo", device, "bar1_bytes", "bar1_used_bytes",
                     memory);
}

int nvmlDeviceGetPowerManagementLimit(const Gpu* device, unsigned* value) {
  return give("nvmlDeviceGetPowerManagementLimit", device, "power_limit_mw", value);
}

int nvmlDeviceGetMaxPcieLinkGeneration(const Gpu* device, unsigned* value) {
  return give("nvmlDeviceGetMaxPcieLinkGeneration", device, "pcie_generation", value);
}

int nvmlDeviceGetMaxPcieLinkWidth(const Gpu* device, unsigned* value) {
  return give("nvmlDeviceGetMaxPcieLinkWidth", device, "pcie_width", value);
}

int nvmlDeviceGetMaxClockInfo(const Gpu* device, int clock, unsigned* value) {
  return give("nvmlDeviceGetMaxClockInfo", device, clock == 1 ? "max_sm_mhz" : "max_memory_mhz",
              value);
}

int nvmlDeviceGetClockInfo(const Gpu* device, int clock, unsigned* value) {
  constexpr const char* kKeys[] = {"clock_graphics_mhz", "clock_sm_mhz", "clock_memory_mhz",
                                   "clock_video_mhz"};
  if (clock < 0 || clock > 3) return kInvalidArgument;
  return give("nvmlDeviceGetClockInfo", device, kKeys[clock], value);
}

int nvmlDeviceGetTopologyCommonAncestor(const Gpu* device, const Gpu* other, int* level) {
  if (const int refused = enter("nvmlDeviceGetTopologyCommonAncestor", other); refused != kSuccess)
    return refused;
  return give("nvmlDeviceGetTopologyCommonAncestor", device, "topology_level", level);
}

int nvmlDeviceGetP2PStatus(const Gpu* device, const Gpu* other, int /*what*/, int* status) {
  if (const int refused = enter("nvmlDeviceGetP2PStatus", other); refused != kSuccess)
    return refused;
  return give("nvmlDeviceGetP2PStatus", device, "p2p_status", status);
}

int nvmlDeviceGetUtilizationRates(const Gpu* device, unsigned* rates) {
  const int code = give("nvmlDeviceGetUtilizationRates", device, "gpu_percent", &rates[0]);
  if (code != kSuccess) return code;
  return give("nvmlDeviceGetUtilizationRates", device, "memory_percent", &rates[1]);
}

int nvmlDeviceGetEncoderUtilization(const Gpu* device, unsigned* percent, unsigned* period) {
  *period = 1000;
  return give("nvmlDeviceGetEncoderUtilization", device, "encoder_percent", percent);
}

int nvmlDeviceGetDecoderUtilization(const Gpu* device, unsigned* percent, unsigned* period) {
  *period = 1000;
  return give("nvmlDeviceGetDecoderUtilization", device, "decoder_percent", percent);
}

int nvmlDeviceGetTemperature(const Gpu* device, int /*sensor*/, unsigned* value) {
  return give("nvmlDeviceGetTemperature", device, "temperature_c", value);
}

int nvmlDeviceGetPowerUsage(const Gpu* device, unsigned* value) {
  return give("nvmlDeviceGetPowerUsage", device, "power_mw", value);
}

int nvmlDeviceGetMemoryErrorCounter(const Gpu* device, int error, int counter, int where,
                                    unsigned long long* value) {
  constexpr const char* kKeys[] = {"ecc_l1", "ecc_l2", "ecc_memory"};
  if (error != 1 || counter != 0 || where < 0 || where > 2) return kInvalidArgument;
  return give("nvmlDeviceGetMemoryErrorCounter", device, kKeys[where], value);
}

int nvmlDeviceGetPcieThroughput(const Gpu* device, int direction, unsigned* value) {
  return give("nvmlDeviceGetPcieThroughput", device,
              direction == 0 ? "pcie_tx_kbps" : "pcie_rx_kbps", value);
}

int nvmlDeviceGetPerformanceState(const Gpu* device, int* state) {
  return give("nvmlDeviceGetPerformanceState", device, "performance_state", state);
}

// "processes": ["4242 3261071360 /usr/bin/python"]; one without a name is gone.
int nvmlDeviceGetComputeRunningProcesses_v3(const Gpu* device, unsigned* count,
                                            Process* processes) {
  return give_processes("nvmlDeviceGetComputeRunningProcesses_v3", device, count, processes);
}

int nvmlDeviceGetComputeRunningProcesses(const Gpu* device, unsigned* count,
                                         FirstProcess* processes) {
  return give_processes("nvmlDeviceGetComputeRunningProcesses", device, count, processes);
}

int nvmlSystemGetProcessName(unsigned pid, char* buffer, unsigned size) {
  if (const int refused = simdriver::fate_of("nvmlSystemGetProcessName"); refused != 0)
    return refused;
  for (std::size_t i = 0; i < session.count; ++i)
    for (std::size_t n = 0;; ++n) {
      const auto element = simdriver::element_of(session.visible[i], "processes", n);
      if (element.empty()) break;
      if (simdriver::to_number(simdriver::field_of(element, 0)) != pid) continue;
      const auto name = simdriver::field_of(element, 2);
      return name.empty() ? kNotFound : copy_text(name, buffer, size);
    }
  return kNotFound;
}

const char* nvmlErrorString(int result) {
  switch (result) {
    case kSuccess:
      return "Success";
    case kUninitialized:
      return "Uninitialized";
    case kInvalidArgument:
      return "Invalid Argument";
    case kNotSupported:
      return "Not Supported";
    case kNotFound:
      return "Not Found";
    case kInsufficientSize:
      return "Insufficient Size";
    case kDriverNotLoaded:
      return "Driver Not Loaded";
    case kGpuIsLost:
      return "GPU is lost";
    case 18:
      return "Driver/library version mismatch";
    case kOperatingSystem:
      return "Operating System";
    default:
      return "Unknown Error";
  }
}

}  // extern "C"
#pragma GCC visibility pop
