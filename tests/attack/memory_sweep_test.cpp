// SPDX-License-Identifier: Apache-2.0
// Family F, third part: whichever request for memory is refused, the container is as before or
// whole, and the hook says what happened.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "attack/effort.hpp"
#include "attack/failing_memory.hpp"
#include "attack/trial.hpp"
#include "nvhook/base/message_id.hpp"

namespace nvhook::test {
namespace {

void arrange(FakeRoot& image) {
  image.symlink(std::string(kLibraryDirectory) + "/libcuda.so.1", "libcuda.so.535.104.05");
  std::filesystem::remove(image.on_disk("/usr/bin"));
}

class MemorySweep : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    scratch_.file("/order", "");
    const auto path = scratch_.on_disk("/order");
    ASSERT_EQ(::truncate(path.c_str(), sizeof(MemoryOrder)), 0);
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    void* page =
        ::mmap(nullptr, sizeof(MemoryOrder), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    ASSERT_NE(page, MAP_FAILED);
    order_ = static_cast<MemoryOrder*>(page);
    start_over();
    plan_ = trial_->plan();
  }

  void start_over() { trial_ = std::make_unique<Trial>(GetParam().tier, arrange); }

  Ended run_hook(std::uint64_t failing, bool for_good) {
    *order_ = {.failing = failing, .for_good = for_good ? 1U : 0U, .requests = 0};
    auto hook = trial_->hook();
    for (auto& word : hook.arguments)
      if (word == NVHOOK_PROGRAM) word = NVHOOK_FAILING_MEMORY;
    hook.environment = {"NVHOOK_TEST_MEMORY=" + scratch_.on_disk("/order").string()};
    return launch(hook);
  }

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
    return ended.err.starts_with("nvhook: E_") ? "" : "does not say why";
  }

  void sweep(bool for_good) {
    ASSERT_EQ(wrong_with(run_hook(0, false)), "");
    const auto requests = order_->requests;
    ASSERT_GT(requests, 500U) << "the program asks for its memory elsewhere";
    start_over();
    const auto step = std::max(requests / effort().memory_requests, std::uint64_t{1});
    std::size_t refused = 0;
    std::size_t tried = 0;
    for (std::uint64_t nth = 1; nth <= requests; nth += step, ++tried) {
      const auto ended = run_hook(nth, for_good);
      const auto wrong = wrong_with(ended);
      EXPECT_EQ(wrong, "") << "request " << nth << "\n" << ended.err;
      refused += ended.status == 0 ? 0 : 1;
      if (ended.status == 0 || !wrong.empty()) start_over();
    }
    std::cout << requests << " requests; tried " << tried << ", refused " << refused << "\n";
  }

  FakeRoot scratch_;
  MemoryOrder* order_ = nullptr;
  std::unique_ptr<Trial> trial_;
  nlohmann::json plan_;
};

TEST_P(MemorySweep, F04_OneRequestForMemoryFails) { sweep(false); }

TEST_P(MemorySweep, F04_FromSomeRequestOnMemoryIsOut) { sweep(true); }

INSTANTIATE_TEST_SUITE_P(Kernel, MemorySweep, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
