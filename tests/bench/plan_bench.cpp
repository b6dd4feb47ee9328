// SPDX-License-Identifier: Apache-2.0
// How long deciding takes: eight and sixteen GPUs, two with seven MIG devices each; all
// capabilities.
#include <benchmark/benchmark.h>

#include <string>

#include "nvhook/plan/make_plan.hpp"
#include "plan/samples.hpp"

namespace nvhook::plan {
namespace {

driver::Driver host_of(std::uint32_t gpus) {
  auto driver = test::sample_driver();
  auto gpu = driver.gpus.front();
  driver.gpus.clear();
  for (gpu.index = 0; gpu.index < gpus; ++gpu.index) {
    gpu.minor = gpu.index;
    gpu.number.minor = gpu.index;
    gpu.node = {"/dev/nvidia" + std::to_string(gpu.index)};
    driver.gpus.push_back(gpu);
  }
  return driver;
}

driver::Driver partitioned_host() {
  auto driver = host_of(2);
  std::uint32_t minor = 3;
  for (auto& gpu : driver.gpus)
    for (std::uint32_t id = 7; id < 14; ++id)
      gpu.mig.push_back({id,
                         test::access_of("gi/access", minor++),
                         {{0, test::access_of("gi/ci/access", minor++)}}});
  return driver;
}

void decide(benchmark::State& state, const driver::Driver& driver) {
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

void decide_for_gpus(benchmark::State& state) {
  decide(state, host_of(static_cast<std::uint32_t>(state.range(0))));
}
BENCHMARK(decide_for_gpus)->Arg(8)->Arg(16)->Unit(benchmark::kMicrosecond);

void decide_for_mig_devices(benchmark::State& state) { decide(state, partitioned_host()); }
BENCHMARK(decide_for_mig_devices)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace nvhook::plan
