// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "rest/metrics.hpp"

namespace nvhook::rest {
namespace {

using Value = std::optional<double>;

// A field in the units of Prometheus: times one number, by another.
template <auto Field, int Times = 1, int By = 1>
Value status(const nvml::Gpu& gpu) {
  if (!gpu.status || !((*gpu.status).*Field)) return std::nullopt;
  return static_cast<double>(*((*gpu.status).*Field)) * Times / By;
}

template <auto Field, int Times = 1, int By = 1>
Value hardware(const nvml::Gpu& gpu) {
  if (!gpu.hardware || !((*gpu.hardware).*Field)) return std::nullopt;
  return static_cast<double>(*((*gpu.hardware).*Field)) * Times / By;
}

Value up(const nvml::Gpu& gpu) { return gpu.error ? 0 : 1; }

Value processes(const nvml::Gpu& gpu) {
  if (!gpu.status || !gpu.status->processes) return std::nullopt;
  return static_cast<double>(gpu.status->processes->size());
}

// A sample of each GPU that has the value. Rows of one family stand together.
struct Row {
  std::string_view name;
  Kind kind = Kind::Gauge;
  std::string_view help;
  Value (*value)(const nvml::Gpu& gpu);
  Label label = {};  // besides those of the GPU
};

using nvml::Hardware;
using nvml::Status;

constexpr int kMega = 1'000'000;

// clang-format off
constexpr auto kRows = std::to_array<Row>({
    {"nvidia_gpu_up", Kind::Gauge, "Whether the GPU answers all that it should: 1 or 0.", up},
    {"nvidia_gpu_utilization_ratio", Kind::Gauge, "Part of the time in which the GPU computed.",
     status<&Status::gpu_percent, 1, 100>},
    {"nvidia_gpu_memory_utilization_ratio", Kind::Gauge,
     "Part of the time in which memory was read or written.",
     status<&Status::memory_percent, 1, 100>},
    {"nvidia_gpu_encoder_utilization_ratio", Kind::Gauge,
     "Part of the time in which the video encoder worked.",
     status<&Status::encoder_percent, 1, 100>},
    {"nvidia_gpu_decoder_utilization_ratio", Kind::Gauge,
     "Part of the time in which the video decoder worked.",
     status<&Status::decoder_percent, 1, 100>},
    {"nvidia_gpu_memory_total_bytes", Kind::Gauge, "Memory of the GPU.",
     hardware<&Hardware::memory_bytes>},
    {"nvidia_gpu_memory_used_bytes", Kind::Gauge, "Memory in use.",
     status<&Status::memory_used_bytes>},
    {"nvidia_gpu_memory_free_bytes", Kind::Gauge, "Memory not in use.",
     status<&Status::memory_free_bytes>},
    {"nvidia_gpu_bar1_total_bytes", Kind::Gauge, "Size of the window onto the GPU's memory.",
     hardware<&Hardware::bar1_bytes>},
    {"nvidia_gpu_bar1_used_bytes", Kind::Gauge, "Part of that window in use.",
     status<&Status::bar1_used_bytes>},
    {"nvidia_gpu_temperature_celsius", Kind::Gauge, "Temperature of the GPU.",
     status<&Status::temperature_c>},
    {"nvidia_gpu_power_watts", Kind::Gauge, "Power that the board draws.",
     status<&Status::power_mw, 1, 1000>},
    {"nvidia_gpu_power_limit_watts", Kind::Gauge, "Power that the board may draw.",
     hardware<&Hardware::power_limit_mw, 1, 1000>},
    {"nvidia_gpu_clock_hertz", Kind::Gauge, "Frequency of a clock.",
     status<&Status::clock_graphics_mhz, kMega>, {"clock", "graphics"}},
    {"nvidia_gpu_clock_hertz", Kind::Gauge, "Frequency of a clock.",
     status<&Status::clock_sm_mhz, kMega>, {"clock", "sm"}},
    {"nvidia_gpu_clock_hertz", Kind::Gauge, "Frequency of a clock.",
     status<&Status::clock_memory_mhz, kMega>, {"clock", "memory"}},
    {"nvidia_gpu_clock_hertz", Kind::Gauge, "Frequency of a clock.",
     status<&Status::clock_video_mhz, kMega>, {"clock", "video"}},
    {"nvidia_gpu_clock_max_hertz", Kind::Gauge, "Highest frequency of a clock.",
     hardware<&Hardware::clock_sm_mhz, kMega>, {"clock", "sm"}},
    {"nvidia_gpu_clock_max_hertz", Kind::Gauge, "Highest frequency of a clock.",
     hardware<&Hardware::clock_memory_mhz, kMega>, {"clock", "memory"}},
    {"nvidia_gpu_ecc_uncorrected_errors_total", Kind::Counter,
     "Memory errors that could not be corrected, since the driver was loaded.",
     status<&Status::ecc_l1>, {"memory", "l1"}},
    {"nvidia_gpu_ecc_uncorrected_errors_total", Kind::Counter,
     "Memory errors that could not be corrected, since the driver was loaded.",
     status<&Status::ecc_l2>, {"memory", "l2"}},
    {"nvidia_gpu_ecc_uncorrected_errors_total", Kind::Counter,
     "Memory errors that could not be corrected, since the driver was loaded.",
     status<&Status::ecc_memory>, {"memory", "device"}},
    {"nvidia_gpu_pcie_receive_bytes_per_second", Kind::Gauge, "What comes over PCI Express.",
     status<&Status::pcie_rx_kbps, 1000>},
    {"nvidia_gpu_pcie_transmit_bytes_per_second", Kind::Gauge, "What goes over PCI Express.",
     status<&Status::pcie_tx_kbps, 1000>},
    {"nvidia_gpu_performance_state", Kind::Gauge, "Performance state; 0 is the fastest.",
     status<&Status::performance_state>},
    {"nvidia_gpu_compute_processes", Kind::Gauge, "Processes that compute on the GPU.", processes},
});
// clang-format on

void tell_driver(Exposition& page, const Facts& facts) {
  page.family("nvidia_driver_info", Kind::Gauge, "Versions of the driver, as labels.");
  const auto& version = facts.nvml.driver ? *facts.nvml.driver : facts.driver_version;
  page.sample(std::array{Label{"version", version}, Label{"cuda", facts.nvml.cuda.value_or("")}},
              1);
}

struct GpuLabels {
  std::string index;
  std::string uuid;
};

void tell_gpu(Exposition& page, const nvml::Gpu& gpu, const GpuLabels& labels) {
  const auto minor = gpu.minor ? std::to_string(*gpu.minor) : std::string();
  const auto model = gpu.name.value_or("");
  const auto bus = gpu.bus.value_or("");
  const auto arch = gpu.arch.value_or("");
  page.sample(
      std::array{Label{"gpu", labels.index}, Label{"uuid", labels.uuid}, Label{"model", model},
                 Label{"minor", minor}, Label{"bus", bus}, Label{"arch", arch}},
      1);
}

}  // namespace

std::string gpu_metrics(const Facts& facts) {
  Exposition page;
  tell_driver(page, facts);
  const auto& gpus = facts.nvml.gpus;
  page.family("nvidia_gpus", Kind::Gauge, "How many GPUs the driver has.");
  page.sample({}, static_cast<double>(gpus.size()));
  std::vector<GpuLabels> labels;
  for (std::size_t i = 0; i < gpus.size(); ++i)
    labels.push_back({std::to_string(i), gpus[i].uuid.value_or("")});
  page.family("nvidia_gpu_info", Kind::Gauge, "What a GPU is, as labels.");
  for (std::size_t i = 0; i < gpus.size(); ++i) tell_gpu(page, gpus[i], labels[i]);
  std::string_view family;
  for (const auto& row : kRows) {
    if (row.name != family) page.family(family = row.name, row.kind, row.help);
    for (std::size_t i = 0; i < gpus.size(); ++i) {
      const auto value = row.value(gpus[i]);
      const std::array all = {Label{"gpu", labels[i].index}, Label{"uuid", labels[i].uuid},
                              row.label};
      if (value) page.sample(std::span(all).first(row.label.name.empty() ? 2 : 3), *value);
    }
  }
  return std::move(page).take();
}

}  // namespace nvhook::rest
