// SPDX-License-Identifier: Apache-2.0
#include "attack/residue.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <span>
#include <sstream>

#include "nvhook/base/quote.hpp"
#include "support/device_evaluator.hpp"
#include "support/device_programs.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

std::multiset<std::string> lines_of(const std::string& text) {
  std::multiset<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.insert(line);
  return lines;
}

using Programs = std::vector<std::vector<bpf_insn>>;

// All that are attached must say yes.
bool all_allow(const Programs& programs, const Question& question) {
  return std::ranges::all_of(
      programs, [&](const auto& program) { return allows(program, question) == true; });
}

// To read or write one of these devices: "c 195:0 rw".
bool is_planned(const std::vector<std::string>& rules, const Question& question) {
  constexpr std::uint32_t kReadWrite = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
  const auto rule =
      "c " + std::to_string(question.major) + ":" + std::to_string(question.minor) + " rw";
  return question.type == BPF_DEVCG_DEV_CHAR && (question.access & ~kReadWrite) == 0 &&
         std::ranges::count(rules, rule) > 0;
}

Complaints judge_device_programs(const std::string& before, const std::string& after,
                                 const PlanOfRun& plan) {
  const auto were = device_programs_in(before);
  const auto are = device_programs_in(after);
  if (were.size() != are.size())
    return {{Oracle::ContainerMounts, "other device programs are attached than before"}};
  std::vector<std::span<const bpf_insn>> all(were.begin(), were.end());
  all.insert(all.end(), are.begin(), are.end());
  for (const auto& question : questions_for(all))
    if (all_allow(are, question) !=
        (all_allow(were, question) || is_planned(plan.device_rules, question)))
      return {{Oracle::ContainerMounts, "the device programs err about " + to_text(question)}};
  return {};
}

}  // namespace

Complaints judge_processes(const std::set<pid_t>& known) {
  Complaints complaints;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (!std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; })) continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    if (pid == 1 || pid == ::getpid() || known.contains(pid)) continue;
    complaints.push_back({Oracle::Residue, "process " + name + " is still there"});
    // What comes next is not to be blamed for it.
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  return complaints;
}

Complaints judge_temporary_names(const TestContainer& container) {
  Complaints complaints;
  for (const auto& line : container.snapshot())
    if (line.find(".nvhook-") != line.npos)
      complaints.push_back({Oracle::Residue, "a temporary name: " + quote(line)});
  return complaints;
}

Complaints judge_refusal(const TestContainer& container, const std::vector<std::string>& before) {
  const auto changes = container.changes_since(before);
  if (changes.empty()) return {};
  return {{Oracle::Residue, "refused, and the container is not as before:\n" + changes}};
}

Complaints judge_device_rules(const TestContainer& container, const std::string& before,
                              const PlanOfRun& plan) {
  if (container.is_on_v2()) return judge_device_programs(before, container.device_rules(), plan);
  Complaints complaints;
  const auto was = lines_of(before);
  const auto is = lines_of(container.device_rules());
  std::set<std::string> missing;
  std::ranges::set_difference(was, is, std::inserter(missing, missing.end()));
  for (const auto& rule : missing)
    complaints.push_back({Oracle::ContainerMounts, "device rule gone: " + rule});
  for (const auto& rule : is)
    if (!was.contains(rule) && std::ranges::count(plan.device_rules, rule) == 0)
      complaints.push_back({Oracle::ContainerMounts, "device rule not planned: " + rule});
  for (const auto& rule : plan.device_rules)
    if (!is.contains(rule) && !was.contains("a *:* rwm"))
      complaints.push_back({Oracle::ContainerMounts, "device rule planned, not there: " + rule});
  return complaints;
}

}  // namespace nvhook::test
