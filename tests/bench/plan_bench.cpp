// SPDX-License-Identifier: Apache-2.0
// How long deciding takes: a host with eight GPUs, all capabilities.
#include <benchmark/benchmark.h>

#include <string>

#include "nvhook/plan/make_plan.hpp"
#include "plan/samples.hpp"

namespace nvhook::plan {
namespace {

constexpr std::uint32_t kGpus = 8;

driver::Driver host_of_eight() {
  auto driver = test::sample_driver();
  auto gpu = driver.gpus.front();
  driver.gpus.clear();
  for (gpu.index = 0; gpu.index < kGpus; ++gpu.index) {
    gpu.minor = gpu.index;
    gpu.number.minor = gpu.index;
    gpu.node = {"/dev/nvidia" + std::to_string(gpu.index)};
    driver.gpus.push_back(gpu);
  }
  return driver;
}

void decide_for_eight_gpus(benchmark::State& state) {
  const auto driver = host_of_eight();
  const auto image = test::debian_image();
  const auto config = test::sample_config();
  const auto request = test::asking_for(request::AllGpus{}, Capabilities::all());
  auto first = draft(request, driver, image);
  if (!first) return state.SkipWithError(first.error().text().c_str());
  const auto survey = test::empty_survey(*first);
  std::size_t mounts = 0;
  for ([[maybe_unused]] auto _ : state) {
    auto made = draft(request, driver, image);
    const auto plan =
        make_plan(std::move(*made),
                  {.container = {.id = "bench", .pid = 2, .bundle = "/b", .rootfs = "/b/rootfs"},
                   .config = config,
                   .request = request,
                   .driver = driver,
                   .image = image,
                   .survey = survey});
    if (!plan) return state.SkipWithError(plan.error().text().c_str());
    mounts = plan->mounts.size();
    benchmark::DoNotOptimize(plan->mounts.data());
  }
  state.counters["mounts"] = static_cast<double>(mounts);
}
BENCHMARK(decide_for_eight_gpus)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace nvhook::plan
