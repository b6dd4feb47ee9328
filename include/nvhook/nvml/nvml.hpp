// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What NVML, NVIDIA's management library, says of this host, as plain data. Whatever it may leave
// unsaid is optional: an older driver lacks the function, the GPU does not support it, or it
// failed. Source of what the values mean: nvml.h of the CUDA toolkit.
namespace nvhook::nvml {

// A call that failed.
struct Trouble {
  std::string call;  // "nvmlInit_v2"
  std::int32_t code = 0;
  std::string name;  // of the code: "DRIVER_NOT_LOADED"; docs/nvml.md has them all
  std::string text;  // in words, the library's own where it has any
  bool operator==(const Trouble&) const = default;
};

struct MigDevice {
  std::uint32_t index = 0;  // among those of its GPU, as NVML counts; there may be holes
  std::string uuid;         // "MIG-..."
  std::uint32_t gpu_instance = 0;
  std::uint32_t compute_instance = 0;
  bool operator==(const MigDevice&) const = default;
};

struct Mig {
  std::optional<bool> enabled;  // nothing: this GPU cannot be partitioned
  std::optional<bool> pending;  // what it will be after a reset
  std::vector<MigDevice> devices;
  bool operator==(const Mig&) const = default;
};

// What does not change while the driver runs.
struct Hardware {
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> bar1_bytes;
  std::optional<std::uint32_t> power_limit_mw;
  std::optional<std::uint32_t> pcie_generation;  // the most that board and slot can do
  std::optional<std::uint32_t> pcie_width;       // lanes, likewise
  std::optional<std::uint32_t> clock_sm_mhz;     // the most
  std::optional<std::uint32_t> clock_memory_mhz;
  bool operator==(const Hardware&) const = default;
};

// The way to another GPU.
struct Link {
  std::uint32_t index = 0;           // of the other
  std::optional<std::string> level;  // what both have in common: "single-switch"; docs/nvml.md
  std::optional<bool> p2p;           // whether one reads the other's memory
  bool operator==(const Link&) const = default;
};

// What CUDA says of a GPU and NVML does not.
struct CudaDevice {
  std::optional<std::uint32_t> multiprocessors;
  std::optional<bool> ecc;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint32_t> shared_bytes;  // of a multiprocessor
  std::optional<std::uint32_t> constant_bytes;
  std::optional<std::uint32_t> l2_bytes;
  std::optional<std::uint32_t> memory_clock_khz;
  std::optional<std::uint32_t> memory_bus_bits;
  bool operator==(const CudaDevice&) const = default;
};

struct Process {
  std::uint32_t pid = 0;
  std::optional<std::string> name;
  std::optional<std::uint64_t> memory_bytes;
  bool operator==(const Process&) const = default;
};

// What changes all the time.
struct Status {
  std::optional<std::uint32_t> gpu_percent;
  std::optional<std::uint32_t> memory_percent;  // of the time, not of the bytes
  std::optional<std::uint32_t> encoder_percent;
  std::optional<std::uint32_t> decoder_percent;
  std::optional<std::uint64_t> memory_used_bytes;
  std::optional<std::uint64_t> memory_free_bytes;
  std::optional<std::uint64_t> bar1_used_bytes;
  std::optional<std::uint32_t> temperature_c;
  std::optional<std::uint32_t> power_mw;
  std::optional<std::uint32_t> clock_graphics_mhz;
  std::optional<std::uint32_t> clock_sm_mhz;
  std::optional<std::uint32_t> clock_memory_mhz;
  std::optional<std::uint32_t> clock_video_mhz;
  std::optional<std::uint64_t> ecc_l1;  // errors that could not be corrected, since the last reset
  std::optional<std::uint64_t> ecc_l2;
  std::optional<std::uint64_t> ecc_memory;
  std::optional<std::uint32_t> pcie_rx_kbps;
  std::optional<std::uint32_t> pcie_tx_kbps;
  std::optional<std::uint32_t> performance_state;  // 0 is the fastest
  std::optional<std::vector<Process>> processes;   // that compute
  bool operator==(const Status&) const = default;
};

struct Gpu {
  std::uint32_t index = 0;
  std::optional<std::uint32_t> minor;  // of /dev/nvidia<minor>
  std::optional<std::string> uuid;
  std::optional<std::string> bus;  // "0000:01:00.0", as /proc/driver/nvidia/gpus has it
  std::optional<std::string> name;
  std::optional<std::string> brand;  // "Tesla"
  std::optional<std::string> arch;   // compute capability: "8.0"; digits and dots
  Mig mig;
  std::optional<Hardware> hardware;  // these, if they were asked for
  std::optional<std::vector<Link>> links;
  std::optional<CudaDevice> cuda;
  std::optional<Status> status;
  std::optional<Trouble> error;  // the first thing that should have worked for this GPU
  bool operator==(const Gpu&) const = default;
};

struct Nvml {
  std::optional<Trouble> error;       // why there are no GPUs
  std::optional<std::string> driver;  // "550.54.14"
  std::optional<std::string> nvml;    // the library's own version: "12.550.54.14"
  std::optional<std::string> cuda;    // the newest that the driver has: "12.4"; digits and dots
  std::vector<Gpu> gpus;              // in NVML's order
  bool operator==(const Nvml&) const = default;
};

// What nvmlReturn_t says: "NOT_SUPPORTED". Of a number that nobody has given a meaning yet "CODE".
[[nodiscard]] std::string_view name_of_code(int code);

}  // namespace nvhook::nvml
