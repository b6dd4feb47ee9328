// SPDX-License-Identifier: Apache-2.0
#include "attack/attack.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <ranges>
#include <sstream>
#include <utility>

#include "attack/canaries.hpp"
#include "attack/disturbance.hpp"
#include "attack/host_silence.hpp"
#include "attack/mount_table.hpp"
#include "attack/residue.hpp"
#include "attack/verdict.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

HostSilence& host_silence() {
  static HostSilence listening;
  return listening;
}

std::string_view name_of(Oracle oracle) {
  switch (oracle) {
    case Oracle::HostSilence:
      return "host silence";
    case Oracle::HostMounts:
      return "host mounts";
    case Oracle::ContainerMounts:
      return "container mounts";
    case Oracle::Canaries:
      return "canaries";
    case Oracle::Result:
      return "result";
    case Oracle::Cost:
      return "cost";
    case Oracle::Residue:
      return "residue";
    case Oracle::CallShape:
      return "form of calls";
  }
  std::abort();  // every enumerator is handled above
}

constexpr int kMaxCalledOff = 20;

// Whether a run was refused for what others do on this machine: it shows nothing of the case then.
bool was_called_off(const Outcome& outcome) {
  return outcome.error() == "E_RACE" && is_disturbed();
}

void append(Complaints& all, Complaints more) { std::ranges::move(more, std::back_inserter(all)); }

}  // namespace

fs::path Scene::simulated_host() { return NVHOOK_SIMULATED_HOST; }

std::string Outcome::error() const {
  for (const auto& id : ids_said(finished))
    if (id.starts_with("E_")) return id;
  return {};
}

bool Outcome::complains(Oracle oracle) const {
  return std::ranges::count(complaints, oracle, &Complaint::oracle) > 0;
}

// What the oracles compare with.
struct Attack::Before {
  Before(const Scene& scene, const TestContainer& container)
      : host_mounts(text_of("/proc/self/mountinfo")),
        mounts(read_mount_table("/proc/" + std::to_string(container.pid()) + "/mountinfo")),
        device_rules(container.device_rules()) {
    if (scene.names_compared) {
      snapshot = container.snapshot();
      root.emplace(container.rootfs());
    }
    host_trees.emplace_back(scene.victim.on_disk());
    for (const auto& path : scene.watched) host_trees.emplace_back(path);
    host_silence().forget();
  }

  std::string host_mounts;
  MountTable mounts;
  std::string device_rules;
  std::vector<std::string> snapshot;
  std::optional<Canaries> root;
  std::vector<Canaries> host_trees;
};

void Attack::SetUp() {
  // What hooks that earlier tests have killed left behind has come to us.
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  (void)host_silence();  // listens from before the scene's mounts
  start_over();
}

void Attack::start_over() {
  container_.reset();
  records_.file("/tree.toml", "[container]\nlayout = \"tree\"\n");
  scene_ = std::make_unique<Scene>();
  victim().file("/file", "of the host").directory("/directory");
}

TestContainer& Attack::container() {
  if (!container_)
    container_ = std::make_unique<TestContainer>(image().on_disk(), scene_->container);
  return *container_;
}

void Attack::listen_to(const fs::path& mount_point) { host_silence().add(mount_point); }

std::vector<std::string> Attack::hook_command(std::vector<std::string> arguments) const {
  auto all = scene_->options;
  const bool has_settings = std::ranges::count(all, "--config") > 0;
  if (GetParam().layout == Layout::Tree && !has_settings)
    all.insert(all.end(), {"--config", records_.on_disk("/tree.toml")});
  std::ranges::move(arguments, std::back_inserter(all));
  return nvhook_on(scene_->host, std::move(all));
}

std::string Attack::state() {
  return scene_->state ? *scene_->state : container().state(scene_->bundle.path());
}

void Attack::judge_run(const Before& before) {
  auto& complaints = outcome_.complaints;
  const std::set<pid_t> known = [&] {
    auto pids = scene_->companions;
    pids.insert({::getpid(), container().pid()});
    return pids;
  }();
  auto allowed = scene_->writable;
  allowed.insert(allowed.end(),
                 {container().rootfs(), records_.on_disk(), "/run/nvhook",
                  container().cgroup() / "devices.allow", container().cgroup() / "devices.deny"});
  append(complaints, host_silence().heard(known, allowed));
  if (text_of("/proc/self/mountinfo") != before.host_mounts)
    complaints.push_back({Oracle::HostMounts, "the host's mounts have changed"});
  for (const auto& tree : before.host_trees) append(complaints, tree.judge());
  append(complaints, judge_processes(known));
  const bool succeeded = outcome_.finished.status == 0;
  if (succeeded) {
    append(complaints, judge_mounts(container(), before.mounts, outcome_.plan));
    append(complaints, judge_device_rules(container(), before.device_rules, outcome_.plan));
  }
  if (!scene_->names_compared) return;
  append(complaints, judge_temporary_names(container()));
  append(complaints, succeeded ? before.root->judge(outcome_.plan) : before.root->judge());
  if (!succeeded) append(complaints, judge_refusal(container(), before.snapshot));
}

void Attack::judge_calls() {
  const auto calls = calls_of_last_run();
  for (const auto& wrong : wrong_calls(calls))
    outcome_.complaints.push_back({Oracle::CallShape, wrong});
  if (outcome_.finished.status == 0 && !outcome_.plan.mounts.empty() && !has_entered(calls))
    outcome_.complaints.push_back({Oracle::CallShape, "it never entered the container"});
}

// A dry run may not know all that the hook meets, but what it refuses the hook refuses.
void Attack::judge_against_plan(const std::optional<Finished>& dry_run) {
  if (!dry_run || dry_run->status == 0) return;
  const Outcome dry{.finished = *dry_run, .plan = {}, .complaints = {}};
  if (outcome_.finished.status != dry_run->status || outcome_.error() != dry.error())
    outcome_.complaints.push_back({Oracle::Result, "the dry run said: " + dry_run->err});
}

Finished Attack::run_in_scene(std::vector<std::string> command, Looked looked) {
  auto environment = scene_->environment;
  // A sanitized build's search for leaks cannot work while somebody looks on.
  if (looked != Looked::Away) environment.emplace_back("ASAN_OPTIONS=detect_leaks=0");
  if (looked == Looked::WithStrace) {
    std::vector<std::string> strace = {"strace", "-f", "-qq", "-o", records_.on_disk("/trace")};
    // strace has a loader, which would heed what is meant for the hook.
    for (auto& entry : environment) strace.insert(strace.end(), {"-E", std::move(entry)});
    environment.clear();
    command.insert(command.begin(), strace.begin(), strace.end());
  }
  const auto ended = launch({.arguments = std::move(command),
                             .input = state(),
                             .environment = std::move(environment),
                             .tier = GetParam().tier,
                             .before = scene_->before,
                             .watch = looked == Looked::On ? scene_->watch : Watch{}});
  EXPECT_FALSE(ended.hung);
  return ended;
}

std::optional<Finished> Attack::run_dry() {
  scene_->bundle.write();
  outcome_ = {};
  if (!scene_->rehearsed) return std::nullopt;
  for (int called_off = 0;; ++called_off) {
    outcome_.finished = launch({.arguments = hook_command({"--dry-run", "--format", "json"}),
                                .input = state(),
                                .environment = scene_->environment,
                                .tier = GetParam().tier});
    if (called_off == kMaxCalledOff || !was_called_off(outcome_)) break;
  }
  outcome_.plan = PlanOfRun::parse(outcome_.finished.out);
  return outcome_.finished;
}

// Where the scene acts while the hook runs a second run would find another one.
void Attack::run_until_not_called_off() {
  run_hook();
  for (int called_off = 0; called_off < kMaxCalledOff; ++called_off) {
    if (scene_->watch || scene_->before || !outcome_.complaints.empty()) return;
    if (!was_called_off(outcome_)) return;
    run_hook();
  }
}

const Outcome& Attack::run_hook() {
  const Before before(scene(), container());
  const auto dry_run = run_dry();
  // Looking at the calls takes time: of the cases of a table the first one has it.
  const bool plain = !scene_->before && !scene_->watch && scene_->environment.empty();
  const bool first = std::exchange(first_, false) && plain;
  const auto looked = scene_->traced || first ? Looked::WithStrace
                      : scene_->watch         ? Looked::On
                                              : Looked::Away;
  outcome_.finished = run_in_scene(hook_command({scene_->stage}), looked);
  judge_run(before);
  append(outcome_.complaints, judge_result(outcome_.finished));
  judge_against_plan(dry_run);
  if (looked == Looked::WithStrace) judge_calls();
  if (looked != Looked::On)
    append(outcome_.complaints, judge_cost(outcome_.finished, scene_->most_wall));
  return outcome_;
}

std::vector<Call> Attack::calls_of_last_run() const {
  return parse_calls(text_of(records_.on_disk("/trace")));
}

const Outcome& Attack::run_instead(const std::vector<std::string>& command) {
  const Before before(scene(), container());
  (void)run_dry();
  outcome_.finished = run_in_scene(command, Looked::Away);
  judge_run(before);
  return outcome_;
}

void Attack::expect_no_complaints() const {
  if (outcome_.complaints.empty()) return;
  constexpr std::size_t kShown = 8;  // the first tell what happened
  std::string text;
  for (const auto& complaint : outcome_.complaints | std::views::take(kShown))
    text += std::string(name_of(complaint.oracle)) + ": " + complaint.text + "\n";
  ADD_FAILURE() << outcome_.complaints.size() << " complaints\n"
                << text << "it wrote: " << outcome_.finished.err;
}

void Attack::contained() {
  run_until_not_called_off();
  EXPECT_EQ(outcome_.finished.status, 0) << outcome_.finished.err;
  expect_no_complaints();
}

void Attack::refused(std::string_view id) {
  run_until_not_called_off();
  EXPECT_EQ(outcome_.error(), id) << outcome_.finished.err;
  expect_no_complaints();
}

void Attack::contained_or_refused(std::initializer_list<std::string_view> ids) {
  run_until_not_called_off();
  if (outcome_.finished.status != 0) {
    EXPECT_NE(std::ranges::find(ids, outcome_.error()), ids.end()) << outcome_.finished.err;
  }
  expect_no_complaints();
}

void Attack::skipped(std::string_view warning) {
  run_until_not_called_off();
  EXPECT_EQ(outcome_.finished.status, 0) << outcome_.finished.err;
  const auto ids = ids_said(outcome_.finished);
  EXPECT_GT(std::ranges::count(ids, warning), 0) << outcome_.finished.err;
  expect_no_complaints();
}

}  // namespace nvhook::test
