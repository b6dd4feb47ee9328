// SPDX-License-Identifier: Apache-2.0
#include "driver_view.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace nvhook::plan {
namespace {

const ContainerPath kDirectory{"/proc/driver/nvidia"};
constexpr std::string_view kParams = "params";

// The parameters of a driver that makes no device nodes: NVML would make those that are missing,
// and change the modes of others, with the container's root as their owner.
std::string without_making_nodes(std::string params) {
  constexpr std::string_view kKey = "ModifyDeviceFiles:";
  std::size_t line = 0;
  while (line < params.size() && !std::string_view(params).substr(line).starts_with(kKey)) {
    const auto end = params.find('\n', line);
    if (end == std::string::npos) return params;
    line = end + 1;
  }
  if (line >= params.size()) return params;
  const auto value = line + kKey.size();
  params.replace(value, std::min(params.find('\n', line), params.size()) - value, " 0");
  return params;
}

File copy_of(const driver::KernelFile& file) {
  const bool params = file.name == kParams;
  return {.path = kDirectory / file.name,
          .content = params ? without_making_nodes(file.content) : file.content,
          .from = file.path};
}

std::optional<DriverView> view_of_params(const driver::Driver& driver) {
  const auto params = std::ranges::find(driver.kernel_files, kParams, &driver::KernelFile::name);
  if (params == driver.kernel_files.end()) return std::nullopt;
  auto file = copy_of(*params);
  if (file.content == params->content) return std::nullopt;
  return DriverView{
      .whole = false, .source = params->path, .target = file.path, .files = {std::move(file)}};
}

// NVML finds the node of a right by the text of its file.
void add_access(const driver::Access& access, DriverView& view) {
  view.files.push_back({.path = kDirectory / "capabilities" / access.file,
                        .content = access.text,
                        .from = view.source / "capabilities" / access.file});
}

}  // namespace

std::optional<DriverView> driver_view(ProcfsView view, const driver::Driver& driver,
                                      const request::Request& request,
                                      const std::vector<driver::Gpu>& gpus) {
  if (view == ProcfsView::None || driver.kernel_files.empty()) return std::nullopt;
  // Whoever partitions GPUs, or watches that, has to see what comes to be.
  if (view == ProcfsView::Params || request.mig_config || request.mig_monitor)
    return view_of_params(driver);
  DriverView whole{.whole = true,
                   .source = driver.kernel_files.front().path.parent(),
                   .target = kDirectory,
                   .files = {}};
  for (const auto& file : driver.kernel_files) whole.files.push_back(copy_of(file));
  for (const auto& gpu : gpus) {
    whole.files.push_back({.path = kDirectory / "gpus" / gpu.bus / "information",
                           .content = gpu.information,
                           .from = whole.source / "gpus" / gpu.bus / "information"});
    for (const auto& instance : gpu.mig) {
      add_access(instance.access, whole);
      for (const auto& compute : instance.compute) add_access(compute.access, whole);
    }
  }
  return whole;
}

}  // namespace nvhook::plan
