// SPDX-License-Identifier: Apache-2.0
#include "nvhook/plan/nvml_needed.hpp"

#include <algorithm>
#include <variant>
#include <vector>

#include "nvhook/driver/cuda_version.hpp"
#include "nvhook/request/requirement.hpp"

namespace nvhook::plan {
namespace {

using request::Verdict;

bool is_unknown(const driver::Gpu& gpu) { return gpu.uuid.contains('?'); }

bool needs_nvml(const request::GpuId& id, std::span<const driver::Gpu> gpus) {
  if (std::holds_alternative<request::MigIndex>(id) || std::holds_alternative<request::MigUuid>(id))
    return true;
  const auto* uuid = std::get_if<request::GpuUuid>(&id);
  const auto* instance = std::get_if<request::MigInstance>(&id);
  if (uuid == nullptr && instance == nullptr) return false;
  // One that is known may still share its beginning with one that is not.
  return std::ranges::any_of(gpus, is_unknown);
}

bool selects_by_nvml(const request::GpuSelection& selection, std::span<const driver::Gpu> gpus) {
  const auto* ids = std::get_if<std::vector<request::GpuId>>(&selection);
  return ids != nullptr &&
         std::ranges::any_of(*ids, [&](const auto& id) { return needs_nvml(id, gpus); });
}

}  // namespace

bool nvml_needed(const request::Request& request, std::string_view driver_version,
                 std::span<const driver::Gpu> gpus) {
  request::Facts facts;
  if (const auto cuda = driver::cuda_version_of(driver_version)) facts.cuda = *cuda;
  facts.driver = driver_version;
  facts.gpu = !std::holds_alternative<request::NoGpus>(request.gpus) && !gpus.empty();
  bool open = selects_by_nvml(request.gpus, gpus);
  for (const auto& demand : request.demands) {
    const auto judgement = request::judge(demand.requirement, facts);
    if (!judgement || judgement->verdict == Verdict::Fails) return false;
    if (judgement->verdict == Verdict::Unknown) open = true;
  }
  return open;
}

}  // namespace nvhook::plan
