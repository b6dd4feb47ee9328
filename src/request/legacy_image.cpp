// SPDX-License-Identifier: Apache-2.0
#include "legacy_image.hpp"

#include <algorithm>

#include "environment.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::request {

std::optional<std::string_view> legacy_cuda_version(const std::vector<std::string>& env) {
  const auto version = value_of(env, kCudaVersion);
  if (!version || version->empty() || !value_of(env, "NVIDIA_REQUIRE_CUDA").value_or("").empty())
    return std::nullopt;
  return version;
}

Result<Demand> demand_of_legacy_image(std::string_view cuda_version) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto major_end = std::ranges::find_if_not(cuda_version, is_digit);
  std::string text(cuda_version.begin(), major_end);
  if (text.empty())
    return bad_value(ErrorId::ReqRequirement, kCudaVersion, quote(cuda_version) + " is no version");
  if (major_end != cuda_version.end() && *major_end == '.') {
    const auto minor_end = std::find_if_not(major_end + 1, cuda_version.end(), is_digit);
    if (minor_end != major_end + 1) text.append(major_end, minor_end);
  }
  return Demand{std::string(kCudaVersion), "cuda>=" + text};
}

}  // namespace nvhook::request
