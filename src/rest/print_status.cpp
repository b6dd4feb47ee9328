// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "rest/json_writer.hpp"
#include "rest/print.hpp"
#include "rest/shown.hpp"
#include "rest/text_page.hpp"

namespace nvhook::rest {
namespace {

// "20 / 235 W"
std::string used_of(const Number& used, const Number& total, std::string_view unit) {
  if (!used || !total) return std::string(kNotAvailable);
  return std::to_string(*used) + " / " + shown(total, unit);
}

void print_processes(TextPage& page, const DeviceStatus& device) {
  if (device.processes.empty()) {
    page.value("  Processes", "None");
    return;
  }
  page.line("  Processes");
  for (const auto& process : device.processes) {
    page.value("    - PID", std::to_string(process.pid));
    page.value("      Name", shown_words(process.name));
    page.value("      Memory", shown(process.memory_mib, "MiB"));
  }
}

void print(TextPage& page, const DeviceStatus& device, const DeviceInfo& info) {
  page.value("  Power", used_of(device.power_w, info.power_w, "W"));
  page.value("  Temperature", shown(device.temperature_c, "°C"));
  page.line("  Utilization");
  page.value("    GPU", shown(device.gpu_percent, "%"));
  page.value("    Memory", shown(device.memory_percent, "%"));
  page.value("    Encoder", shown(device.encoder_percent, "%"));
  page.value("    Decoder", shown(device.decoder_percent, "%"));
  page.line("  Memory");
  page.value("    Global", used_of(device.memory_mib, info.memory_mib, "MiB"));
  page.line("    ECC Errors");
  page.value("      L1 Cache", shown(device.ecc_l1));
  page.value("      L2 Cache", shown(device.ecc_l2));
  page.value("      Global", shown(device.ecc_memory));
  page.line("  PCI");
  page.value("    BAR1", used_of(device.bar1_mib, info.bar1_mib, "MiB"));
  page.line("    Throughput");
  page.value("      RX", shown(device.rx_mb_per_s, "MB/s"));
  page.value("      TX", shown(device.tx_mb_per_s, "MB/s"));
  page.line("  Clocks");
  page.value("    Cores", shown(device.core_mhz, "MHz"));
  page.value("    Memory", shown(device.memory_mhz, "MHz"));
  print_processes(page, device);
}

// Clients of 2016 know no null in here: a process that has ended has no name.
void write_processes(JsonWriter& json, const DeviceStatus& device) {
  json.key("Processes");
  if (device.processes.empty()) return json.null();
  json.begin_array();
  for (const auto& process : device.processes) {
    json.begin_object();
    json.member("PID", process.pid);
    json.member("Name", process.name.value_or(""));
    json.member("MemoryUsed", process.memory_mib.value_or(0));
    json.end_object();
  }
  json.end_array();
}

void write(JsonWriter& json, const DeviceStatus& device) {
  json.begin_object();
  json.member("Power", device.power_w);
  json.member("Temperature", device.temperature_c);
  json.key("Utilization");
  json.begin_object();
  json.member("GPU", device.gpu_percent);
  json.member("Memory", device.memory_percent);
  json.member("Encoder", device.encoder_percent);
  json.member("Decoder", device.decoder_percent);
  json.end_object();
  json.key("Memory");
  json.begin_object();
  json.member("GlobalUsed", device.memory_mib);
  json.key("ECCErrors");
  json.begin_object();
  json.member("L1Cache", device.ecc_l1);
  json.member("L2Cache", device.ecc_l2);
  json.member("Global", device.ecc_memory);
  json.end_object();
  json.end_object();
  json.key("Clocks");
  json.begin_object();
  json.member("Cores", device.core_mhz);
  json.member("Memory", device.memory_mhz);
  json.end_object();
  json.key("PCI");
  json.begin_object();
  json.member("BAR1Used", device.bar1_mib);
  json.key("Throughput");
  json.begin_object();
  json.member("RX", device.rx_mb_per_s);
  json.member("TX", device.tx_mb_per_s);
  json.end_object();
  json.end_object();
  write_processes(json, device);
  json.end_object();
}

}  // namespace

std::string status_text(std::span<const DeviceStatus> devices, const Info& info) {
  TextPage page;
  page.line("");
  for (std::size_t i = 0; i < devices.size(); ++i) {
    page.line("Device #" + std::to_string(i));
    print(page, devices[i], info.devices.at(i));
    page.line("");
  }
  return std::move(page).take();
}

std::string status_json(std::span<const DeviceStatus> devices) {
  JsonWriter json;
  json.begin_object();
  json.key("Devices");
  json.begin_array();
  for (const auto& device : devices) write(json, device);
  json.end_array();
  json.end_object();
  return std::move(json).take();
}

}  // namespace nvhook::rest
