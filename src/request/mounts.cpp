// SPDX-License-Identifier: Apache-2.0
#include "mounts.hpp"

#include <optional>
#include <set>
#include <utility>

#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

constexpr std::string_view kCdi = "cdi/";
constexpr std::string_view kImex = "imex/";

// The absolute path without repeated slashes, "." and ".."; nothing for a relative one. By the text
// alone, as Go's filepath.Clean.
std::string cleaned(std::string_view path) {
  if (!path.starts_with('/')) return {};
  std::string clean;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (part == "..")
      clean.erase(clean.empty() ? 0 : clean.rfind('/'));
    else if (!part.empty() && part != ".")
      clean.append("/").append(part);
  }
  return clean.empty() ? "/" : clean;
}

// "vendor/class=name" of "vendor/class=name" or "vendor/class/name".
std::optional<std::string> as_cdi_device(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == 0 || slash == text.npos) return std::nullopt;
  const auto separator = text.find_first_of("=/", slash + 1);
  if (separator == text.npos || separator == slash + 1 || separator + 1 == text.size())
    return std::nullopt;
  if (text.find('/', separator + 1) != text.npos) return std::nullopt;
  std::string device(text);
  device[separator] = '=';
  return device;
}

}  // namespace

MountRequests requests_of(const std::vector<oci::Mount>& mounts, std::vector<Warning>& warnings) {
  MountRequests requests;
  std::set<std::string> seen;
  for (const auto& mount : mounts) {
    if (cleaned(mount.source) != "/dev/null") continue;
    const auto destination = cleaned(mount.destination);
    std::string_view asked = destination;
    if (!asked.starts_with(kDeviceMounts)) continue;
    asked.remove_prefix(kDeviceMounts.size());
    if (asked.size() < 2 || asked[0] != '/' || !seen.insert(destination).second) continue;
    asked.remove_prefix(1);

    if (asked.starts_with(kImex)) {
      requests.imex_channels.emplace_back(asked.substr(kImex.size()));
    } else if (!asked.starts_with(kCdi)) {
      requests.devices.emplace_back(asked);
    } else if (auto device = as_cdi_device(asked.substr(kCdi.size()))) {
      requests.devices.push_back(*std::move(device));
    } else {
      warnings.push_back({WarningId::ReqIgnored,
                          "the mount at " + quote(destination) +
                              " names no CDI device: cdi/<vendor>/<class>/<name> is due; it is "
                              "passed over"});
    }
  }
  return requests;
}

}  // namespace nvhook::request
