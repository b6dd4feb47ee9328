// SPDX-License-Identifier: Apache-2.0
#include "check_demands.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/driver/cuda_version.hpp"
#include "nvhook/request/requirement.hpp"

namespace nvhook::plan {
namespace {

using request::Demand;
using request::Judgement;
using request::Verdict;

constexpr std::size_t kShown = 4;  // alternatives of a requirement; NVIDIA's images have dozens

request::Facts facts_of(const driver::Driver& driver) {
  request::Facts facts;
  if (const auto cuda = driver::cuda_version_of(driver.version))
    facts.cuda = *cuda;
  else
    facts.cuda = driver.cuda;
  facts.driver = driver.version;
  facts.gpu = false;
  return facts;
}

// Of each kind of GPU that is given, or without any.
std::vector<request::Facts> all_facts(const driver::Driver& driver,
                                      std::span<const driver::Gpu> given) {
  const auto facts = facts_of(driver);
  if (given.empty()) return {facts};
  std::vector<request::Facts> all;
  for (const auto& gpu : given) {
    const auto is_alike = [&](const request::Facts& other) {
      return other.arch == gpu.arch && other.brand == gpu.brand;
    };
    if (std::ranges::any_of(all, is_alike)) continue;
    auto& one = all.emplace_back(facts);
    one.gpu = true;
    one.arch = gpu.arch;
    one.brand = gpu.brand;
  }
  return all;
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

// The verdict on the GPU that fails, else on one that is not known, else that of all.
Result<Judgement> judge_all(const std::string& requirement,
                            const std::vector<request::Facts>& all) {
  Judgement worst;
  for (const auto& facts : all) {
    auto judgement = request::judge(requirement, facts);
    if (!judgement || judgement->verdict == Verdict::Fails) return judgement;
    if (judgement->verdict == Verdict::Unknown) worst = std::move(*judgement);
  }
  return worst;
}

}  // namespace

Result<std::vector<Warning>> check_demands(const request::Request& request,
                                           const driver::Driver& driver,
                                           std::span<const driver::Gpu> given) {
  std::vector<Warning> open;
  const auto facts = all_facts(driver, given);
  const auto why =
      driver.nvml_silence.empty() ? "" : "; NVML does not tell: " + driver.nvml_silence;
  for (const auto& demand : request.demands) {
    const auto judgement = judge_all(demand.requirement, facts);
    if (!judgement) return std::unexpected(Error(judgement.error()).within(quote(demand.variable)));
    if (judgement->verdict == Verdict::Holds) continue;
    const auto text = text_of(judgement->obstacles);
    if (judgement->verdict == Verdict::Fails)
      return failure(ErrorId::ReqUnmet,
                     said_of(demand) + ", which this host does not have: " + text +
                         way_out(judgement->obstacles) +
                         "; NVIDIA_DISABLE_REQUIRE=1 in the container's environment goes without");
    open.push_back({WarningId::ReqUnknown,
                    said_of(demand) + ", and whether this host has it is not known: " + text + why +
                        "; the container starts"});
  }
  return open;
}

}  // namespace nvhook::plan
