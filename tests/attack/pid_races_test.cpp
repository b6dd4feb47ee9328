// SPDX-License-Identifier: Apache-2.0
// The container's first process is killed while the hook works for it, and its pid given to another
// container's. The tests have a pid namespace of their own (main.cpp), where the next pid
// can be chosen.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "attack/effort.hpp"
#include "attack/variant.hpp"
#include "attack/verdict.hpp"
#include "integration/bundle.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using ::testing::AnyOf;

std::set<std::string> names_below(const fs::path& top) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(top)) names.insert(entry.path());
  return names;
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The hook, while the test does something else.
class RunningHook {
 public:
  explicit RunningHook(const Launch& hook) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) std::abort();
    said_ = UniqueFd(ends[0]);
    const UniqueFd out(ends[1]);
    pid_ = ::fork();
    if (pid_ != 0) return;
    const auto finished = launch(hook);
    const bool told = ::write(out.get(), finished.err.data(), finished.err.size()) >= 0;
    ::_exit(told ? finished.status : 255);
  }

  Finished wait() {
    Finished finished;
    std::array<char, 4096> chunk{};
    for (ssize_t got = 0; (got = ::read(said_.get(), chunk.data(), chunk.size())) > 0;)
      finished.err.append(chunk.data(), static_cast<std::size_t>(got));
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    return finished;
  }

 private:
  UniqueFd said_;
  pid_t pid_ = -1;
};

// What a hook changes of a container, were it led to it.
struct Touchable {
  explicit Touchable(const TestContainer& container)
      : mounts(mounts_below(container.mountinfo(), container.rootfs()).size()),
        rules(container.device_rules()),
        names(names_below(container.rootfs())) {}
  bool operator==(const Touchable&) const = default;

  std::size_t mounts;
  std::string rules;
  std::set<std::string> names;
};

class PidRaces : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    bundle_.write();
    names_ = names_below(bundle_.root().on_disk());
  }

  [[nodiscard]] Launch hook(const TestContainer& container) const {
    return {.arguments = nvhook_on(NVHOOK_SIMULATED_HOST, {"prestart"}),
            .input = container.state(bundle_.path()),
            .tier = GetParam().tier};
  }

  // What a run takes that nobody disturbs.
  milliseconds usual_time() {
    milliseconds longest{1};
    for (int i = 0; i < 3; ++i) {
      const TestContainer container(bundle_.root().on_disk());
      const auto finished = launch(hook(container));
      EXPECT_EQ(finished.status, 0) << finished.err;
      longest = std::max(longest, finished.wall);
      clean_up();
    }
    return longest;
  }

  void clean_up() {
    for (const auto& name : names_below(bundle_.root().on_disk()))
      if (!names_.contains(name)) fs::remove_all(name);
  }

  Bundle bundle_;
  Bundle other_;
  std::set<std::string> names_;
};

TEST_P(PidRaces, R08_ThePidIsAnotherContainersByNow) {
  const auto untouched = Touchable(TestContainer(other_.root().on_disk()));
  const auto host_mounts = text_of("/proc/self/mountinfo");
  std::mt19937 random(1);  // the same moments in each run, as far as the machine allows
  std::uniform_int_distribution<int> moment(
      0, static_cast<int>(microseconds(usual_time()).count() * 5 / 4));
  std::uint64_t reused = 0;
  std::map<std::string, std::vector<std::string>> ends;  // what was said, by its id

  for (std::uint64_t i = 0; i < effort().kills; ++i) {
    auto container = std::make_unique<TestContainer>(bundle_.root().on_disk());
    const auto pid = container->pid();
    RunningHook running(hook(*container));
    std::this_thread::sleep_for(microseconds(moment(random)));
    container.reset();  // kills it
    std::ofstream("/proc/sys/kernel/ns_last_pid") << pid - 1;
    const TestContainer impostor(other_.root().on_disk());
    if (impostor.pid() == pid) ++reused;
    const auto finished = running.wait();

    const auto ids = ids_said(finished);
    ends[ids.empty() ? "done" : ids.back()].push_back(finished.err);
    for (const auto& complaint : judge_result(finished)) ADD_FAILURE() << complaint.text;
    EXPECT_EQ(Touchable(impostor), untouched);
    EXPECT_EQ(text_of("/proc/self/mountinfo"), host_mounts);
    if (finished.status != 0) {
      EXPECT_EQ(names_below(bundle_.root().on_disk()), names_) << finished.err;
    }
    clean_up();
  }

  EXPECT_GT(reused, effort().kills / 2);
  for (const auto& [end, said] : ends)
    EXPECT_THAT(end, AnyOf("done", "E_PID", "E_NS_SAME", "E_ROOTFS", "E_CGROUP")) << said.front();
  EXPECT_FALSE(ends["E_PID"].empty());
  RecordProperty("hooks", std::to_string(effort().kills));
  RecordProperty("swaps", std::to_string(reused));
  RecordProperty("refused", std::to_string(effort().kills - ends["done"].size()));
}

INSTANTIATE_TEST_SUITE_P(Kernel, PidRaces, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
