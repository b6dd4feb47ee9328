// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

#include "names.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/plan/page.hpp"
#include "nvhook/plan/print.hpp"

namespace nvhook::plan {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

std::vector<std::string> capabilities_of(const request::Request& request) {
  std::vector<std::string> names;
  for (const auto capability : kAllCapabilities)
    if (request.capabilities.contains(capability)) names.emplace_back(name_of(capability));
  return names;
}

std::vector<std::vector<std::string>> mounts_of(const Plan& plan, Kind kind) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& mount : plan.mounts) {
    if (mount.kind != kind) continue;
    auto how =
        mount.state == State::Present ? "already there" : joined(names_of(mount.options), ",");
    if (mount.sealed) how += ",sealed";
    rows.push_back(
        {shown(mount.target.value), "<- " + shown(mount.source.value), how, mount.reason});
  }
  return rows;
}

std::string_view deed_of(CacheAction action) {
  switch (action) {
    case CacheAction::None:
      return "is not told";
    case CacheAction::Merge:
      return "gets the libraries in front";
    case CacheAction::Create:
      return "is made, with the libraries alone";
    case CacheAction::Bind:
      return "gets the libraries in front, by a mount over it";
    case CacheAction::MuslPath:
      return "gets the directories";
    case CacheAction::Unknown:
      return "not known";
  }
  std::abort();  // every enumerator is handled above
}

std::vector<std::vector<std::string>> loader_of(const Plan& plan) {
  if (plan.loader.libraries.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  rows.push_back({plan.loader.path.value.empty() ? "loader" : shown(plan.loader.path.value),
                  std::string(deed_of(plan.loader.action))});
  if (!plan.loader.compat.empty()) rows.push_back({"CUDA compat", plan.loader.compat});
  return rows;
}

std::vector<std::vector<std::string>> view_of(const Plan& plan) {
  if (!plan.driver_view) return {};
  const auto& view = *plan.driver_view;
  return {{shown(view.target.value), "<- " + shown(view.source.value),
           joined(names_of(kReadOnlyMount), ","), std::string(reason_of(view))}};
}

std::vector<std::vector<std::string>> files_of(const Plan& plan) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& file : plan.files) rows.push_back({shown(file.path.value), "is made"});
  if (plan.driver_view)
    for (const auto& file : plan.driver_view->files)
      rows.push_back({shown(file.path.value),
                      file.from ? "copy of " + shown(file.from->value) : std::string("is made")});
  return rows;
}

// A line each, but one for many with numbers that follow each other.
std::vector<std::vector<std::string>> rules_of(std::span<const Device> devices) {
  constexpr std::size_t kMany = 8;
  std::vector<std::vector<std::string>> rows;
  const auto rule = [&](const Device& device, const std::string& to, std::string path) {
    rows.push_back({"c " + std::to_string(device.number.major) + ":" +
                        std::to_string(device.number.minor) + to + " rw",
                    std::move(path)});
  };
  while (!devices.empty()) {
    const auto& first = devices.front();
    std::size_t count = 1;
    while (count < devices.size() && devices[count].number.major == first.number.major &&
           devices[count].number.minor == first.number.minor + count)
      ++count;
    if (count < kMany) {
      count = 1;
      rule(first, "", shown(first.path.value));
    } else {
      const auto& last = devices[count - 1];
      rule(first, "-" + std::to_string(last.number.minor),
           shown(first.path.value) + " to " + quote(last.path.name()));
    }
    devices = devices.subspan(count);
  }
  return rows;
}

// What is asked for beside devices and capabilities; nothing for most containers.
void add_rest_of_request(Page& page, const request::Request& request) {
  std::vector<std::string> more;
  if (request.source != request::Source::Environment)
    more.push_back("by " + std::string(name_of(request.source)));
  if (request.privileged) more.emplace_back("privileged");
  if (request.mig_config) more.emplace_back("MIG configuration");
  if (request.mig_monitor) more.emplace_back("MIG monitoring");
  for (const auto channel : request.imex_channels)
    more.push_back("IMEX channel " + std::to_string(channel));
  for (const auto feature : request.features) more.emplace_back(name_of(feature));
  if (!more.empty()) page.line("request    " + joined(more, ", "));
  for (const auto& demand : request.demands) page.line("requires   " + quote(demand.requirement));
}

}  // namespace

std::string to_text(const Plan& plan, Style style) {
  Page page(style);
  page.line("container  " + quote(plan.container.id) +
            (plan.container.pid ? ", process " + std::to_string(*plan.container.pid)
                                : std::string(", not running")));
  page.line("root       " + shown(plan.container.rootfs));
  std::vector<std::string> devices;
  devices.reserve(plan.request.devices.size());
  for (const auto& device : plan.request.devices) devices.push_back(quote(device));
  page.line(
      "asks for   devices " + joined(devices, " ") + ", capabilities " +
      (plan.request.capabilities.empty() ? "none" : joined(capabilities_of(plan.request), " ")));
  add_rest_of_request(page, plan.request);
  page.line("driver     " + plan.driver_version + " below " + plan.driver_root);
  if (plan.tree) page.line("layout     tree at " + shown(plan.tree->value));
  if (!plan.unknown.empty()) {
    std::vector<std::string> parts;
    parts.reserve(plan.unknown.size());
    for (const auto part : plan.unknown) parts.emplace_back(name_of(part));
    page.line("unknown    " + joined(parts, ", ") + " (no running container)");
  }

  std::vector<std::vector<std::string>> rows;
  rows.reserve(plan.gpus.size());
  for (const auto& gpu : plan.gpus)
    rows.push_back({std::to_string(gpu.index), gpu.uuid, gpu.bus, gpu.model});
  page.table("GPUs", rows);
  page.table("GPU instances", instances_of(plan.gpus));

  constexpr std::array kGroups = {
      std::pair{Kind::Library, "Libraries"}, std::pair{Kind::Library32, "32-bit libraries"},
      std::pair{Kind::Binary, "Programs"},   std::pair{Kind::Device, "Device nodes"},
      std::pair{Kind::Socket, "Sockets"},    std::pair{Kind::Directory, "Directories"},
      std::pair{Kind::Firmware, "Firmware"}, std::pair{Kind::Config, "Configuration"}};
  for (const auto& [kind, heading] : kGroups) page.table(heading, mounts_of(plan, kind));

  page.table("Driver in /proc", view_of(plan));
  page.table("Files", files_of(plan));

  rows.clear();
  for (const auto& link : plan.symlinks)
    rows.push_back({shown(link.path.value), "-> " + link.target,
                    link.replaces ? "instead of " + quote(*link.replaces) : std::string()});
  page.table("Symbolic links", rows);

  page.table("Loader", loader_of(plan));

  page.table("Device cgroup", rules_of(plan.devices));

  rows.clear();
  for (const auto& omitted : plan.omitted)
    rows.push_back({shown(omitted.path.value), omitted.reason});
  page.table("Left out", rows);

  rows.clear();
  for (const auto& warning : plan.warnings)
    rows.push_back({std::string(name_of(warning.id)), warning.text});
  page.table("Warnings", rows);
  return std::move(page).text();
}

std::string to_text(const request::NothingAsked& nothing, Style style) {
  Page page(style);
  page.line("nothing to do: " + nothing.reason);
  return std::move(page).text();
}

}  // namespace nvhook::plan
