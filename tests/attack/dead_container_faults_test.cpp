// SPDX-License-Identifier: Apache-2.0
// Family T, second part: whatever call of the kernel fails while a dead container's root is swept,
// and wherever nvhook is killed then: nothing is harmed, and another run makes the root what it was
// before the container.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <memory>
#include <set>

#include "attack/dead_container.hpp"
#include "attack/effort.hpp"
#include "attack/fault_points.hpp"
#include "attack/verdict.hpp"
#include "nvhook/base/message_id.hpp"
#include "support/sanitized.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {
namespace {

// So many points of a run are tried in continuous integration.
constexpr std::size_t kTried = kSanitized ? 8 : 40;

class SweepFaults : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    dead_ = std::make_unique<DeadContainer>(GetParam());
    const auto ended = sweep([&](const Point& point) {
      points_.push_back(point);
      return Answer{};
    });
    ASSERT_EQ(ended.status, 0) << ended.err;
    ASSERT_EQ(differences(dead_->before(), dead_->names()), "");
  }

  // `choose` says of each point what becomes of it.
  Ended sweep(const std::function<Answer(const Point&)>& choose,
              Sweeping how = Sweeping::Poststop) {
    auto run = dead_->sweep(how);
    Counter counter;
    run.watch = [&](const WatchedCall& call) {
      const auto point = counter.next(call);
      return point ? choose(*point) : Answer{};
    };
    return launch(run);
  }

  [[nodiscard]] std::vector<Point> tried() const {
    const auto step = effort().every_error ? 1 : std::max<std::size_t>(points_.size() / kTried, 1);
    std::vector<Point> chosen;
    for (std::size_t i = 0; i < points_.size(); i += step) chosen.push_back(points_[i]);
    return chosen;
  }

  // Another run, with nothing in its way.
  void expect_swept_by_the_next(const Point& point) {
    const auto again = launch(dead_->sweep(Sweeping::Poststop));
    EXPECT_EQ(again.status, 0) << point.name() << "\n" << again.err;
    EXPECT_EQ(differences(dead_->before(), dead_->names()), "") << point.name();
  }

  void next_container() {
    if (differences(dead_->before(), dead_->names()).empty())
      dead_->live_and_die();
    else
      dead_ = std::make_unique<DeadContainer>(GetParam());
  }

  std::unique_ptr<DeadContainer> dead_;
  std::vector<Point> points_;
};

TEST_P(SweepFaults, T07_AnyCallFails) {
  for (const auto& failing : tried()) {
    if (!failing.can_fail) continue;
    next_container();
    const auto ended = sweep([&](const Point& point) {
      const bool now = point.nth == failing.nth && point.call == failing.call;
      return Answer{.error = now ? usual_error(failing.call) : 0};
    });
    EXPECT_FALSE(ended.hung) << failing.name();
    EXPECT_LT(ended.status, exit_status_of(ErrorId::Usage)) << failing.name() << "\n" << ended.err;
    EXPECT_TRUE(judge_result(ended).empty()) << failing.name() << "\n" << ended.err;
    // What it could not take away is on record still; or it finished, but for names whose looks
    // it could not take.
    if (ended.status != 0) expect_swept_by_the_next(failing);
  }
  std::cout << points_.size() << " points in all\n";
}

// A container that cannot be seen to be alive is not dead for that.
TEST_P(SweepFaults, T07_AnyCallFailsWhileTheContainerRuns) {
  for (const auto how : {Sweeping::Poststop, Sweeping::Cleanup}) {
    dead_->live_and_die([&] {
      const auto names = dead_->names();
      std::vector<Point> points;
      (void)sweep(
          [&](const Point& point) {
            points.push_back(point);
            return Answer{};
          },
          how);
      const auto step = effort().every_error ? 1 : std::max<std::size_t>(points.size() / kTried, 1);
      for (std::size_t i = 0; i < points.size(); i += step) {
        const auto& failing = points[i];
        if (!failing.can_fail) continue;
        const auto ended = sweep(
            [&](const Point& point) {
              const bool now = point.nth == failing.nth && point.call == failing.call;
              return Answer{.error = now ? usual_error(failing.call) : 0};
            },
            how);
        EXPECT_FALSE(ended.hung) << failing.name();
        EXPECT_LT(ended.status, exit_status_of(ErrorId::Usage)) << failing.name() << ended.err;
        ASSERT_EQ(differences(names, dead_->names()), "") << failing.name() << ended.err;
        ASSERT_FALSE(dead_->record_file().empty()) << failing.name() << ended.err;
      }
    });
    dead_ = std::make_unique<DeadContainer>(GetParam());
  }
}

TEST_P(SweepFaults, T08_KilledAtAnyCall) {
  for (const auto& last : tried()) {
    next_container();
    const auto ended =
        sweep([&](const Point& point) { return Answer{.kill = point.nth == last.nth}; });
    EXPECT_EQ(ended.status, 128 + SIGKILL) << last.name();
    expect_swept_by_the_next(last);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernel, SweepFaults, ::testing::ValuesIn(variants_of_each_layout()),
                         name_of_instance);

}  // namespace
}  // namespace nvhook::test
