// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/facts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/nvml/document.hpp"
#include "nvml/kept_text.hpp"

namespace nvhook::nvml {
namespace {

constexpr auto kFile = "nvml";
constexpr auto kSilenceFile = "nvml-silent";
constexpr std::size_t kMaxBootId = 64;
constexpr std::size_t kMaxInstances = 256;  // of a GPU, or of a GPU instance; there are eight
constexpr std::string_view kCapabilities = "driver/nvidia/capabilities";

Result<std::string> boot_id() {
  const auto random = files::open_host_directory("/proc/sys/kernel/random", ErrorId::Kernel);
  if (!random) return std::unexpected(random.error());
  auto text = files::read_kernel_file(random->get(), "boot_id", kMaxBootId);
  if (!text) return text;
  return text->substr(0, text->find('\n'));
}

// A line for the directory and for each directory in it, `levels` deep: "gi1 4026533000 17641...".
Result<void> add_instances(int above, const std::string& name, int levels, std::string& key) {
  const auto directory = files::open_at(above, name, O_RDONLY | O_DIRECTORY, files::Lookup::Plain);
  if (!directory) {
    const auto code = directory.error().code();
    if (code == std::errc::no_such_file_or_directory || code == std::errc::not_a_directory)
      return {};
    return std::unexpected(Error(directory.error()).as(ErrorId::DriverRead));
  }
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0)
    return system_failure(ErrorId::DriverRead, "stat " + quote(name));
  key += "mig " + name + " " + std::to_string(status.st_ino) + " " +
         std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) +
         "\n";
  if (levels == 0) return {};
  const auto names = files::names_in(directory->get(), kMaxInstances);
  if (!names) return std::unexpected(Error(names.error()).as(ErrorId::DriverRead));
  for (const auto& each : *names)
    if (each.starts_with("gi") || each.starts_with("ci"))
      if (auto added = add_instances(directory->get(), each, levels - 1, key); !added) return added;
  return {};
}

std::chrono::seconds since_boot() {
  struct timespec now {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

Result<std::string> key_of_host(const std::string& proc_root, std::string_view driver_version,
                                std::span<const driver::Gpu> gpus) {
  auto boot = boot_id();
  if (!boot) return boot;
  auto key = "boot " + *boot + "\ndriver " + std::string(driver_version) + "\n";
  const auto proc = files::open_host_directory(proc_root, ErrorId::DriverRead);
  if (!proc) return std::unexpected(proc.error());
  for (const auto& gpu : gpus) {
    // Its last word is the UUID: see below.
    key += "gpu " + std::to_string(gpu.minor) + " " + quote(gpu.bus) + " " + quote(gpu.uuid) + "\n";
    const auto mig = std::string(kCapabilities) + "/gpu" + std::to_string(gpu.minor) + "/mig";
    if (auto added = add_instances(proc->get(), mig, 2, key); !added)
      return std::unexpected(std::move(added).error());
  }
  return key;
}

bool same_but_for_unknown_uuids(std::string_view before, std::string_view after) {
  const auto earlier = lines_of(before);
  const auto later = lines_of(after);
  if (earlier.size() != later.size()) return false;
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    if (earlier[i] == later[i]) continue;
    const auto uuid = earlier[i].rfind(' ');
    if (!earlier[i].starts_with("gpu ") || !earlier[i].substr(uuid).contains('?')) return false;
    if (earlier[i].substr(0, uuid) != later[i].substr(0, later[i].rfind(' '))) return false;
  }
  return true;
}

bool is_whole(const Nvml& nvml, std::string_view key) {
  std::size_t named = 0;
  for (const auto& gpu : nvml.gpus) {
    if (gpu.error && (!gpu.bus || !gpu.brand || !gpu.arch)) return false;
    named += gpu.mig.devices.size();
  }
  const auto compute_instances = std::ranges::count_if(
      lines_of(key), [](std::string_view line) { return line.starts_with("mig ci"); });
  return named == static_cast<std::size_t>(compute_instances);
}

std::optional<Nvml> recall(const std::string& parent, std::string_view key) {
  const auto document = recall_text(parent, kFile, key, kMaxDocument);
  if (!document) return std::nullopt;
  auto nvml = parse(*document);
  if (!nvml || nvml->error) return std::nullopt;
  return std::move(*nvml);
}

Result<void> remember(const std::string& parent, std::string_view key, std::string_view document) {
  return remember_text(parent, kFile, key, document);
}

std::optional<std::chrono::seconds> recall_silence(const std::string& parent,
                                                   std::string_view key) {
  constexpr std::size_t kMaxDigits = 20;
  const auto text = recall_text(parent, kSilenceFile, key, kMaxDigits);
  if (!text) return std::nullopt;
  std::int64_t then = 0;
  const auto* const end = text->data() + text->size();
  const auto [stop, problem] = std::from_chars(text->data(), end, then);
  if (problem != std::errc() || stop != end) return std::nullopt;
  const auto ago = since_boot() - std::chrono::seconds(then);
  if (ago < std::chrono::seconds(0) || ago >= kSilence) return std::nullopt;
  return ago;
}

Result<void> remember_silence(const std::string& parent, std::string_view key) {
  return remember_text(parent, kSilenceFile, key, std::to_string(since_boot().count()));
}

}  // namespace nvhook::nvml
