// SPDX-License-Identifier: Apache-2.0
// Family F, first part: whatever call of the kernel fails, and wherever the hook is killed: the
// host is as before, and the container is refused as it was, or whole.
#include <gmock/gmock.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "attack/effort.hpp"
#include "attack/fault_points.hpp"
#include "attack/trial.hpp"
#include "nvhook/base/message_id.hpp"
#include "support/hostile_caches.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

std::vector<int> errors_of(int call) {
  if (!effort().every_error) return {usual_error(call)};
  return {EPERM, EINVAL, ENOSYS, ENOMEM, ENOSPC, EMFILE, EINTR, EAGAIN, EIO};
}

std::string host_mounts() {
  std::ostringstream text;
  text << std::ifstream("/proc/self/mountinfo").rdbuf();
  return text.str();
}

// Something to exchange, something to cover and something to make.
void arrange(FakeRoot& image) {
  const std::string directory = kLibraryDirectory;
  image.symlink(directory + "/libcuda.so.1", "libcuda.so.535.104.05")
      .file(directory + "/libnvidia-ml.so.1", "the image's")
      .file("/etc/ld.so.cache", honest_cache());
  fs::remove(image.on_disk("/usr/bin"));
}

// `choose` says of each point what becomes of it.
Ended run_hook(Trial& trial, const std::function<Answer(const Point&)>& choose) {
  auto hook = trial.hook();
  hook.patience = std::chrono::seconds(20);
  // Looking for leaks is the sanitizer's own affair, and makes calls as well.
  hook.environment = {"ASAN_OPTIONS=detect_leaks=0"};
  Counter counter;
  hook.watch = [&](const WatchedCall& call) {
    const auto point = counter.next(call);
    return point ? choose(*point) : Answer{};
  };
  return launch(hook);
}

// Each test has every kParts-th of the points that are tried, so that each is short.
constexpr std::size_t kParts = 4;
struct Share {
  Tier tier;
  std::size_t part;
};

void PrintTo(const Share& share, std::ostream* out) { *out << "part " << share.part; }

std::vector<Share> shares() {
  std::vector<Share> all;
  for (const auto tier : {Tier::New, Tier::Old})
    for (std::size_t part = 0; part < kParts; ++part) all.push_back({tier, part});
  return all;
}

class FaultSweep : public ::testing::TestWithParam<Share> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    trial_ = std::make_unique<Trial>(GetParam().tier, arrange);
    plan_ = trial_->plan();
    const auto ended = run_hook(*trial_, [&](const Point& point) {
      points_.push_back(point);
      return Answer{};
    });
    ASSERT_EQ(wrong_with(ended), "") << ended.err;
    start_over();
    mounts_ = host_mounts();
  }
  void TearDown() override { EXPECT_EQ(host_mounts(), mounts_); }

  [[nodiscard]] static bool is_mine(std::size_t at) {
    const auto step =
        1 + (GetParam().tier == Tier::New ? effort().calls_left_out : effort().old_calls_left_out);
    return at % step == 0 && at / step % kParts == GetParam().part;
  }

  // A fresh image, and a container over it.
  void start_over() { trial_ = std::make_unique<Trial>(GetParam().tier, arrange); }

  // What is wrong with the end of a run in which a call failed; empty if nothing is.
  [[nodiscard]] std::string wrong_with(const Ended& ended) const {
    if (ended.hung) return "hangs";
    if (ended.status == 0) {
      const auto missing = trial_->missing(plan_);
      return missing.empty() ? "" : "succeeds without\n" + missing;
    }
    if (ended.status >= exit_status_of(ErrorId::Usage))
      return "ends with " + std::to_string(ended.status);
    const auto changes = trial_->changes();
    if (!changes.empty()) return "leaves\n" + changes;
    const auto last_line = ended.err.rfind("nvhook: ");
    if (last_line == ended.err.npos || !ended.err.substr(last_line).starts_with("nvhook: E_"))
      return "does not say why";
    return "";
  }

  std::unique_ptr<Trial> trial_;
  nlohmann::json plan_;
  std::vector<Point> points_;
  std::string mounts_;
};

TEST_P(FaultSweep, F01_AnyCallFails) {
  std::size_t refused = 0;
  std::size_t whole = 0;
  for (std::size_t at = 0; at < points_.size(); ++at) {
    const auto& failing = points_[at];
    if (!is_mine(at) || !failing.can_fail) continue;
    for (const int error : errors_of(failing.call)) {
      const auto ended = run_hook(*trial_, [&](const Point& point) {
        const bool now = point.by_program == failing.by_program && point.nth == failing.nth;
        // A run may ask for memory once more or less than another.
        return Answer{.error = now && point.call == failing.call ? error : 0};
      });
      const auto wrong = wrong_with(ended);
      EXPECT_EQ(wrong, "") << failing.name() << ": " << strerrorname_np(error) << "\n" << ended.err;
      ++(ended.status == 0 ? whole : refused);
      if (ended.status == 0 || !wrong.empty()) start_over();
    }
  }
  std::cout << points_.size() << " points in all; here " << refused << " refused, " << whole
            << " whole\n";
}

// A call that is interrupted, or to be tried again, each time: from the first of its kind on, and
// from the middle of the run on.
TEST_P(FaultSweep, F01_EveryCallOfAKindIsInterrupted) {
  std::set<int> kinds;
  for (const auto& point : points_)
    if (point.can_fail) kinds.insert(point.call);
  std::size_t at = 0;
  for (const int kind : kinds) {
    if (at++ % kParts != GetParam().part) continue;
    for (const int error : {EINTR, EAGAIN}) {
      for (const std::size_t first : {std::size_t{0}, points_.size() / 2}) {
        const auto ended = run_hook(*trial_, [&](const Point& point) {
          const bool now = point.call == kind && point.can_fail && point.nth >= first;
          return Answer{.error = now ? error : 0};
        });
        // Without the calls that undo and tell there is nothing more to ask for.
        EXPECT_FALSE(ended.hung) << WatchedCall{.number = kind}.name() << ": "
                                 << strerrorname_np(error) << "\n"
                                 << ended.err;
        EXPECT_LE(ended.status, exit_status_of(ErrorId::Bug)) << "a signal";
        start_over();
      }
    }
  }
}

TEST_P(FaultSweep, F02_KilledAtAnyCall) {
  std::size_t killed = 0;
  for (std::size_t at = 0; at < points_.size(); ++at) {
    if (!is_mine(at)) continue;
    const auto& last = points_[at];
    const auto ended = run_hook(*trial_, [&](const Point& point) {
      return Answer{.kill = point.by_program == last.by_program && point.nth == last.nth};
    });
    if (last.by_program) {
      // The runtime hears of it, and starts no container.
      EXPECT_EQ(ended.status, 128 + SIGKILL) << last.name();
    } else {
      EXPECT_EQ(wrong_with(ended), "") << last.name() << "\n" << ended.err;
    }
    ++killed;
    EXPECT_EQ(host_mounts(), mounts_) << last.name();
    // Whatever is left goes with the container; the next one over the same root is fine.
    trial_->renew();
    const auto again = launch(trial_->hook());
    EXPECT_EQ(again.status, 0) << last.name() << "\n" << again.err;
    EXPECT_EQ(trial_->missing(plan_), "") << last.name();
    start_over();
  }
  std::cout << points_.size() << " points in all; here killed at " << killed << "\n";
}

INSTANTIATE_TEST_SUITE_P(Kernel, FaultSweep, ::testing::ValuesIn(shares()), [](const auto& each) {
  return std::to_string(each.param.part) + name_of({each.param.tier, Layout::System});
});

}  // namespace
}  // namespace nvhook::test
