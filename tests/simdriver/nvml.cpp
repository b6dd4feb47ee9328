// SPDX-License-Identifier: Apache-2.0
// libnvidia-ml.so.1 of the simulated driver: NVML's C ABI (nvml.h of the CUDA toolkit) as far as
// listing GPUs needs it. Like the real one it shows a process only the GPUs whose nodes it may
// open.
#include <cstddef>
#include <cstring>
#include <string_view>

#include "description.hpp"
#include "device_node.hpp"

namespace {

// nvmlReturn_t
constexpr int kSuccess = 0;
constexpr int kUninitialized = 1;
constexpr int kInvalidArgument = 2;
constexpr int kInsufficientSize = 7;
constexpr int kDriverNotLoaded = 9;
constexpr int kOperatingSystem = 17;  // the device cgroup is in the way

struct {
  unsigned users = 0;  // nvmlInit_v2 calls without their nvmlShutdown
  std::size_t count = 0;
  simdriver::Gpu visible[simdriver::kMaxGpus];
} session;  // as in the real library, one per process

int copy_text(std::string_view text, char* buffer, unsigned size) {
  if (buffer == nullptr) return kInvalidArgument;
  if (text.size() >= size) return kInsufficientSize;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  return kSuccess;
}

// kSuccess when the library is initialised and `device` is one of its handles.
int check(const simdriver::Gpu* device) {
  if (session.users == 0) return kUninitialized;
  for (std::size_t i = 0; i < session.count; ++i)
    if (device == &session.visible[i]) return kSuccess;
  return kInvalidArgument;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int nvmlInit_v2() {
  if (session.users++ > 0) return kSuccess;
  const auto control = simdriver::access_to("/dev/nvidiactl");
  if (control != simdriver::Access::Allowed) {
    session.users = 0;
    return control == simdriver::Access::Denied ? kOperatingSystem : kDriverNotLoaded;
  }
  simdriver::Gpu all[simdriver::kMaxGpus];
  const auto count = simdriver::gpus(all);
  session.count = 0;
  for (std::size_t i = 0; i < count; ++i)
    if (simdriver::access_to_gpu(all[i].minor) == simdriver::Access::Allowed)
      session.visible[session.count++] = all[i];
  return kSuccess;
}

int nvmlShutdown() {
  if (session.users == 0) return kUninitialized;
  --session.users;
  return kSuccess;
}

int nvmlSystemGetDriverVersion(char* buffer, unsigned size) {
  if (session.users == 0) return kUninitialized;
  return copy_text(simdriver::driver_version(), buffer, size);
}

int nvmlDeviceGetCount_v2(unsigned* count) {
  if (session.users == 0) return kUninitialized;
  if (count == nullptr) return kInvalidArgument;
  *count = static_cast<unsigned>(session.count);
  return kSuccess;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, const simdriver::Gpu** device) {
  if (session.users == 0) return kUninitialized;
  if (device == nullptr || index >= session.count) return kInvalidArgument;
  *device = &session.visible[index];
  return kSuccess;
}

int nvmlDeviceGetName(const simdriver::Gpu* device, char* buffer, unsigned size) {
  if (const int refused = check(device); refused != kSuccess) return refused;
  return copy_text(device->model, buffer, size);
}

int nvmlDeviceGetUUID(const simdriver::Gpu* device, char* buffer, unsigned size) {
  if (const int refused = check(device); refused != kSuccess) return refused;
  return copy_text(device->uuid, buffer, size);
}

int nvmlDeviceGetMinorNumber(const simdriver::Gpu* device, unsigned* minor) {
  if (const int refused = check(device); refused != kSuccess) return refused;
  if (minor == nullptr) return kInvalidArgument;
  *minor = device->minor;
  return kSuccess;
}

const char* nvmlErrorString(int result) {
  switch (result) {
    case kSuccess:
      return "Success";
    case kUninitialized:
      return "Uninitialized";
    case kInvalidArgument:
      return "Invalid Argument";
    case kInsufficientSize:
      return "Insufficient Size";
    case kDriverNotLoaded:
      return "Driver Not Loaded";
    case kOperatingSystem:
      return "Operating System";
    default:
      return "Unknown Error";
  }
}

}  // extern "C"
#pragma GCC visibility pop
