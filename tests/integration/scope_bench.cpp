// SPDX-License-Identifier: Apache-2.0
// What it adds to a hook's time that systemd is told: nvhook in turns with and without
// nvhook-systemd beside it, as a hook of containers in scopes of a booted systemd.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "integration/booted_machine.hpp"
#include "integration/scope_container.hpp"

namespace nvhook::test {
namespace {

constexpr auto kTimer = "/usr/local/bin/hook_timer";
constexpr auto kResults = "/run/results";

// NVHOOK_RUNS=100 gives numbers that mean something.
int number_of_runs() {
  const char* const wanted = std::getenv("NVHOOK_RUNS");
  return wanted == nullptr ? 3 : std::atoi(wanted);
}

// The hook is run before all else that wants a processor: what else the machine does is not the
// question.
void run_one(const BootedMachine& machine, const std::string& label, const char* hook) {
  ScopeContainer container(machine, Engine::Runc, label);
  container.config["hooks"]["createRuntime"] = {
      {{"path", "/usr/bin/chrt"},
       {"args", {"chrt", "-f", "10", kTimer, kResults, label, hook, "createRuntime"}}}};
  const auto done = container.start();
  EXPECT_EQ(done.status, 0) << done.err;
}

// The value that so large a part of the others is below.
double quantile(std::vector<double> values, double part) {
  std::ranges::sort(values);
  return values.at(static_cast<std::size_t>(part * static_cast<double>(values.size())));
}

TEST(ScopeBench, Runs) {
  if (const auto why = machines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  const BootedMachine machine;
  ASSERT_EQ(machine.trouble(), "");
  furnish(machine);
  machine.copy_in(NVHOOK_HOOK_TIMER, kTimer);
  const int runs = number_of_runs();

  for (int i = 0; i < runs && !HasFailure(); ++i) {
    if (i % 2 == 0) run_one(machine, "told", kHook);
    run_one(machine, "untold", kHookAlone);
    if (i % 2 == 1) run_one(machine, "told", kHook);
  }

  const auto untold = machine.sh(std::string("grep -c W_SYSTEMD ") + kHookLog).out;
  EXPECT_EQ(untold, std::to_string(runs) + "\n") << "half of them";

  std::map<std::string, std::vector<double>> milliseconds;
  std::istringstream lines(machine.run({"cat", kResults}).out);
  std::string label;
  double nanoseconds = 0;
  for (std::string rest; lines >> label >> nanoseconds && std::getline(lines, rest);)
    milliseconds[label].push_back(nanoseconds / 1e6);
  for (const auto& [name, times] : milliseconds) {
    ASSERT_EQ(times.size(), static_cast<std::size_t>(runs));
    std::printf("%-8s median %6.2f ms, lower quartile %6.2f ms of %d runs\n", name.c_str(),
                quantile(times, 0.5), quantile(times, 0.25), runs);
  }
  ASSERT_EQ(milliseconds.size(), 2U);
  std::vector<double> more;
  for (std::size_t i = 0; i < milliseconds["told"].size(); ++i)
    more.push_back(milliseconds["told"][i] - milliseconds["untold"][i]);
  std::printf("telling systemd adds %.2f ms (median of the pairs' differences)\n",
              quantile(more, 0.5));
}

}  // namespace
}  // namespace nvhook::test
