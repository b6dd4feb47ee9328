// SPDX-License-Identifier: Apache-2.0
#include "check_demands.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "nvhook/base/quote.hpp"
#include "nvhook/driver/cuda_version.hpp"
#include "nvhook/request/requirement.hpp"

namespace nvhook::plan {
namespace {

using request::Demand;
using request::Judgement;
using request::Verdict;

constexpr std::size_t kShown = 4;  // alternatives of a requirement; NVIDIA's images have dozens

request::Facts facts_of(const driver::Driver& driver, bool any_gpu) {
  request::Facts facts;
  if (const auto cuda = driver::cuda_version_of(driver.version)) facts.cuda = *cuda;
  facts.driver = driver.version;
  facts.gpu = any_gpu;
  return facts;
}

std::string text_of(const std::vector<request::Obstacle>& obstacles) {
  std::string text;
  for (std::size_t i = 0; i < std::min(obstacles.size(), kShown); ++i) {
    const auto& [alternative, term, fact] = obstacles[i];
    text += (i == 0 ? "" : "; ") + quote(term) +
            (term == alternative ? "" : " of " + quote(alternative)) + ": " + fact;
  }
  if (obstacles.size() > kShown)
    text += "; and " + std::to_string(obstacles.size() - kShown) + " alternatives more";
  return text;
}

// Of the first alternative of nearly every image, "cuda>=12.8".
std::string way_out(const std::vector<request::Obstacle>& obstacles) {
  constexpr std::string_view kCudaAtLeast = "cuda>=";
  for (const auto& obstacle : obstacles) {
    const std::string_view term = obstacle.term;
    if (!term.starts_with(kCudaAtLeast)) continue;
    for (const auto& [branch, cuda] : driver::kCudaBranches)
      if (request::compare_versions(cuda, term.substr(kCudaAtLeast.size())) >= 0)
        return "; drivers from " + std::string(branch) + " on have CUDA " + std::string(cuda);
  }
  return {};
}

std::string said_of(const Demand& demand) {
  return "the image requires " + quote(demand.requirement) + " (" + quote(demand.variable) + ")";
}

}  // namespace

Result<std::vector<Warning>> check_demands(const request::Request& request,
                                           const driver::Driver& driver, bool any_gpu) {
  std::vector<Warning> open;
  const auto facts = facts_of(driver, any_gpu);
  for (const auto& demand : request.demands) {
    const auto judgement = request::judge(demand.requirement, facts);
    if (!judgement) return std::unexpected(Error(judgement.error()).within(quote(demand.variable)));
    if (judgement->verdict == Verdict::Holds) continue;
    const auto text = text_of(judgement->obstacles);
    if (judgement->verdict == Verdict::Fails)
      return failure(ErrorId::ReqUnmet,
                     said_of(demand) + ", which this host does not have: " + text +
                         way_out(judgement->obstacles) +
                         "; NVIDIA_DISABLE_REQUIRE=1 in the container's environment goes without");
    open.push_back({WarningId::ReqUnknown,
                    said_of(demand) + ", and whether this host has it is not known: " + text +
                        "; the container starts"});
  }
  return open;
}

}  // namespace nvhook::plan
