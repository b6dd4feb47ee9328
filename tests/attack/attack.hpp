// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "attack/call_shape.hpp"
#include "attack/complaints.hpp"
#include "attack/plan_of_run.hpp"
#include "attack/variant.hpp"
#include "integration/bundle.hpp"
#include "support/command.hpp"
#include "support/fake_root.hpp"
#include "support/launch.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {

// What a case consists of. Arranged by a test before the container is first asked for.
struct Scene {
  Bundle bundle;                     // config.json, and the image
  FakeRoot victim;                   // a directory of the host, to which nothing may happen
  TestContainer::Options container;  // how the container is set up
  std::filesystem::path host = simulated_host();
  std::string stage = "prestart";
  std::vector<std::string> options;      // of the hook's command line
  std::vector<std::string> environment;  // of the hook
  std::optional<std::string> state;      // on its standard input, instead of the container's own
  std::vector<std::filesystem::path> watched;   // further trees of the host that must stay the same
  std::vector<std::filesystem::path> writable;  // where the hook may write besides the root: its
                                                // log, the upper layer of an overlay
  std::set<pid_t> companions;                   // processes of the test, whose doings are their own
  bool names_compared = true;         // false: the image has more of them than there is time for
  bool traced = false;                // under strace: slow, so otherwise a test's first run only
  std::function<void()> before;       // done in the hook's process first (not dry)
  Watch watch;                        // asked about each call of the hook (not dry)
  bool rehearsed = true;              // by a dry run, whose plan the oracles go by
  std::chrono::seconds most_wall{2};  // that the hook may take

  [[nodiscard]] static std::filesystem::path simulated_host();
};

// How a run ended, and what is wrong with that.
struct Outcome {
  Finished finished;
  PlanOfRun plan;  // by a dry run just before
  Complaints complaints;

  // The id of the error, or nothing.
  [[nodiscard]] std::string error() const;
  [[nodiscard]] bool complains(Oracle oracle) const;
};

// A case of the attack suite: arrange scene(), then say what may come of it. Each expectation runs
// the hook once, after a dry run, and asks every oracle that applies; again if others on this
// machine have made the hook refuse with E_RACE.
class Attack : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override;

  Scene& scene() { return *scene_; }
  FakeRoot& image() { return scene_->bundle.root(); }
  FakeRoot& victim() { return scene_->victim; }
  // Made when first asked for, at the latest by an expectation.
  TestContainer& container();
  // A new scene, for the next case of a table.
  void start_over();
  // A file system that the test has mounted is listened to as well.
  static void listen_to(const std::filesystem::path& mount_point);

  // The run succeeds, with all of its effects in the root and by plan.
  void contained();
  // The run fails with this id and leaves nothing.
  void refused(std::string_view id);
  // One of both.
  void contained_or_refused(std::initializer_list<std::string_view> ids);
  // The run succeeds and warns.
  void skipped(std::string_view warning);
  // None of the oracles has anything against the last run; part of all the above.
  void expect_no_complaints() const;
  // The last run.
  [[nodiscard]] const Outcome& outcome() const { return outcome_; }
  // Its calls, if it was traced.
  [[nodiscard]] std::vector<Call> calls_of_last_run() const;

  // What the expectations are made of: runs nvhook, or another program in its place, on the tier's
  // kernel, and judges. Of another program the messages and the form of its calls are not judged.
  const Outcome& run_hook();
  const Outcome& run_instead(const std::vector<std::string>& command);
  // The words that run nvhook on the scene's host.
  [[nodiscard]] std::vector<std::string> hook_command(std::vector<std::string> arguments) const;

 private:
  struct Before;
  [[nodiscard]] std::string state();
  // Runs a program as the scene has it.
  enum class Looked { Away, On, WithStrace };
  Finished run_in_scene(std::vector<std::string> command, Looked looked);
  void run_until_not_called_off();
  // Runs nvhook dry for outcome_.plan; nothing where the scene is not rehearsed.
  std::optional<Finished> run_dry();
  void judge_run(const Before& before);
  void judge_calls();
  void judge_against_plan(const std::optional<Finished>& dry_run);

  std::unique_ptr<Scene> scene_;
  std::unique_ptr<TestContainer> container_;
  FakeRoot records_;
  bool first_ = true;  // no run of this test yet
  Outcome outcome_;
};

}  // namespace nvhook::test
