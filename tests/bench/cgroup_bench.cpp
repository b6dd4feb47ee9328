// SPDX-License-Identifier: Apache-2.0
// How long it takes to let a container use eight GPUs and the driver's control nodes: to find its
// cgroup, and to change what it may do there. Needs root, and both versions of cgroups.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "nvhook/cgroup/devices.hpp"
#include "support/device_program_text.hpp"
#include "support/fake_root.hpp"
#include "support/test_container.hpp"
#include "support/v2_cgroup.hpp"

namespace nvhook::test {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<DeviceNumber> eight_gpus_and_control() {
  std::vector<DeviceNumber> devices = {{195, 255}, {195, 254}, {510, 0}, {510, 1}};
  for (std::uint32_t minor = 0; minor < 8; ++minor) devices.push_back({195, minor});
  return devices;
}

Result<cgroup::DeviceCgroup> find(pid_t pid) {
  auto procfs = container::open_procfs();
  if (!procfs) return std::unexpected(std::move(procfs).error());
  const auto process = container::pin(*procfs, pid);
  if (!process) return std::unexpected(process.error());
  return cgroup::find_devices(*procfs, *process);
}

// Grants and takes back; only granting is timed.
void grant(benchmark::State& state, const TestContainer::Options& options) {
  FakeRoot image;
  image.directory("/dev").directory("/proc");
  const TestContainer container(image.on_disk(), options);
  const auto cgroup = find(container.pid());
  if (!cgroup) return state.SkipWithError(cgroup.error().text().c_str());
  const auto devices = eight_gpus_and_control();
  for ([[maybe_unused]] auto _ : state) {
    const auto start = Clock::now();
    const auto granted = cgroup::allow(*cgroup, devices, {});
    const std::chrono::duration<double> taken = Clock::now() - start;
    if (!granted) return state.SkipWithError(granted.error().text().c_str());
    if (!container.may_use(195, 7)) return state.SkipWithError("nothing was granted");
    state.SetIterationTime(taken.count());
    if (!cgroup::forbid(*cgroup, *granted)) return state.SkipWithError("cannot be taken back");
  }
}

void grant_on_v1(benchmark::State& state) { grant(state, {}); }
BENCHMARK(grant_on_v1)->Unit(benchmark::kMicrosecond)->UseManualTime();

// One program, as every runtime attaches one.
void grant_on_v2(benchmark::State& state) {
  const CgroupV2Only view;
  TestContainer::Options options;
  options.v2 = {{from_file(NVHOOK_DEVICE_PROGRAMS "/runc_default.txt")}};
  grant(state, options);
}
BENCHMARK(grant_on_v2)->Unit(benchmark::kMicrosecond)->UseManualTime();

void find_cgroup(benchmark::State& state) {
  FakeRoot image;
  image.directory("/dev").directory("/proc");
  const TestContainer container(image.on_disk());
  auto procfs = container::open_procfs();
  const auto process = procfs ? container::pin(*procfs, container.pid())
                              : std::unexpected(std::move(procfs).error());
  if (!process) return state.SkipWithError(process.error().text().c_str());
  for ([[maybe_unused]] auto _ : state) {
    const auto cgroup = cgroup::find_devices(*procfs, *process);
    if (!cgroup) return state.SkipWithError(cgroup.error().text().c_str());
  }
}
BENCHMARK(find_cgroup)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace nvhook::test

int main(int argc, char** argv) {
  if (const auto why = nvhook::test::TestContainer::unavailable(); !why.empty()) {
    std::printf("skipped: %s\n", why.c_str());
    return 77;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
