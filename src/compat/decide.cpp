// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/decide.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "version.hpp"

namespace nvhook::compat {
namespace {

std::string joined(const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (const auto number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

std::uint32_t branch_of(std::string_view version) {
  const auto numbers = numbers_of(version);
  return numbers ? numbers->front() : 0;
}

}  // namespace

bool is_newer(std::string_view image_version, std::string_view host_version) {
  const auto image = numbers_of(image_version);
  const auto host = numbers_of(host_version);
  return image && host && *image > *host;
}

Decision decide(std::string_view image_version, std::string_view host_version,
                const Finding& finding) {
  const auto image = "the image's driver libraries " + std::string(image_version);
  const auto host = "the host's driver " + std::string(host_version);
  const auto keep_hosts = [](std::string why) {
    return Decision{.choice = Choice::Host, .reason = std::move(why), .warning = {}};
  };
  const auto branch = branch_of(host_version);

  if (!is_newer(image_version, host_version))
    return keep_hosts(image + " are not newer than " + host);

  const auto* examined = std::get_if<Examined>(&finding);
  if (examined == nullptr) {
    const auto* damaged = std::get_if<Damaged>(&finding);
    auto why = image + " do not say in a way that can be read which drivers they support: " +
               (damaged != nullptr ? damaged->why : "too much of the file would have to be read");
    auto decision = keep_hosts(why);
    decision.warning = Warning{WarningId::CudaCompat, std::move(why)};
    return decision;
  }

  if (!examined->support) {
    if (branch >= branch_of(image_version))
      return keep_hosts(image +
                        " do not say which drivers they support, and are of the branch of " + host);
    return {.choice = Choice::Image,
            .reason = image + " are of a newer branch than " + host +
                      ", and do not say which drivers they support",
            .warning = {}};
  }

  const auto& drivers = examined->support->drivers;
  if (drivers.empty()) return keep_hosts(image + " name no driver that they support");
  if (std::ranges::find(drivers, branch) == drivers.end())
    return keep_hosts(image + " do not support " + host + ", but the branches " + joined(drivers));
  return {.choice = Choice::Image,
          .reason = image + " are newer than " + host + " and support it",
          .warning = {}};
}

}  // namespace nvhook::compat
