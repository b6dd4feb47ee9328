// SPDX-License-Identifier: Apache-2.0
// The races of races_test.cpp (R) against whole runs of the hook: whatever the racer does, nothing
// happens outside the root, and the container is whole or as it was.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "attack/effort.hpp"
#include "attack/mount_table.hpp"
#include "attack/plan_of_run.hpp"
#include "attack/race_ground.hpp"
#include "attack/racer.hpp"
#include "attack/residue.hpp"
#include "attack/silence.hpp"
#include "attack/variant.hpp"
#include "attack/verdict.hpp"
#include "integration/bundle.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

// For as long as it lives, FakeRoot and its users make their files there.
class TemporaryFilesIn {
 public:
  explicit TemporaryFilesIn(const fs::path& directory) : before_(std::getenv("TMPDIR")) {
    ::setenv("TMPDIR", directory.c_str(), 1);
  }
  TemporaryFilesIn(const TemporaryFilesIn&) = delete;
  TemporaryFilesIn& operator=(const TemporaryFilesIn&) = delete;
  ~TemporaryFilesIn() { ::setenv("TMPDIR", before_.c_str(), 1); }

 private:
  std::string before_;
};

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// A bundle on raced ground, and one hook after the other for containers made of it.
class RacedHooks {
 public:
  RacedHooks(Race race, Tier tier)
      : race_(race), tier_(tier), job_(ground_.lay_out(race, rootfs())) {
    // What the image has now it shall have before each run.
    names_ = all_names();
    new_container();
    plan_ = PlanOfRun::parse(run_nvhook({"--dry-run", "--format", "json"}).out);
    // The racer of mount points must not make new ones: what it takes away before the last link is
    // there, the hook must miss.
    if (race == Race::MountPoint) {
      fs::remove(job_.one);
      job_ = {Swap::Unlink, job_.one, rootfs().string() + plan_.links.back().path};
    }
    racer_ = std::make_unique<Racer>(job_);
    racer_->rest();
    on_host_.emplace(ground_.victims(), RaceGround::kCanary, "/");
  }

  // Runs the hook once, and says everything that is wrong then.
  std::string run_once() {
    if (!container_) new_container();
    const auto unlinked = racer_->unlinked_before();
    racer_->go_on();
    const auto finished = run_nvhook({"prestart"});
    racer_->rest();
    refused = finished.status != 0;
    const bool missed = racer_->unlinked_before() != unlinked && !refused;
    auto wrong = wrong_outside(finished) + (refused ? wrong_if_refused() : wrong_if_whole());
    if (missed) wrong += "it succeeded, and a mount point was unlinked while it ran\n";
    if (!refused || !wrong.empty()) start_over();
    return wrong.empty()
               ? wrong
               : wrong + "(status " + std::to_string(finished.status) + ": " + finished.err + ")";
  }

  [[nodiscard]] const Racer& racer() const { return *racer_; }
  bool refused = false;

 private:
  [[nodiscard]] fs::path rootfs() { return bundle_.root().on_disk(); }

  void new_container() {
    auto options = RaceGround::container(race_);
    options.dev = TestContainer::Dev::Tmpfs;
    container_ = std::make_unique<TestContainer>(rootfs(), options);
    snapshot_ = container_->snapshot();
    rules_ = container_->device_rules();
    mounts_ = mount_table();
    host_mounts_ = text_of("/proc/self/mountinfo");
    in_container_.emplace(ground_.victims(), RaceGround::kCanary,
                          "/proc/" + std::to_string(container_->pid()) + "/root");
  }

  Finished run_nvhook(const std::vector<std::string>& arguments) {
    bundle_.write();
    return launch({.arguments = nvhook_on(NVHOOK_SIMULATED_HOST, arguments),
                   .input = container_->state(bundle_.path()),
                   .tier = tier_});
  }

  [[nodiscard]] MountTable mount_table() const {
    return read_mount_table("/proc/" + std::to_string(container_->pid()) + "/mountinfo");
  }

  // Of the image, and of where the racer takes parts of it.
  std::set<std::string> all_names() {
    std::set<std::string> names;
    for (const auto& top : {rootfs(), ground_.top() / "outside"})
      for (auto entry = fs::recursive_directory_iterator(top);
           entry != fs::recursive_directory_iterator(); ++entry)
        names.insert(entry->path());
    return names;
  }

  std::string wrong_outside(const Finished& finished) {
    std::string wrong;
    for (const auto& silence : {&on_host_, &in_container_})
      if (const auto by = (*silence)->broken_by(); !by.empty()) wrong += "outside: " + by + "\n";
    if (text_of("/proc/self/mountinfo") != host_mounts_) wrong += "a mount on the host\n";
    for (const auto& row : mount_table())
      if (!row.point.starts_with(rootfs().string() + "/") && !std::ranges::count(mounts_, row))
        wrong += "a mount at " + row.point + "\n";
    for (const auto& complaint : judge_result(finished)) wrong += complaint.text + "\n";
    return wrong;
  }

  // What the racer of temporary names makes of the two that it takes part in is its own doing.
  [[nodiscard]] bool is_the_racers(const std::string& line) const {
    return (race_ == Race::TemporaryName && line.find(kRacedLink) != line.npos) ||
           (RaceGround::is_about_cache(race_) && line.find(kRacedCache) != line.npos);
  }

  std::string wrong_if_refused() {
    std::string wrong;
    std::istringstream changes(container_->changes_since(snapshot_));
    for (std::string line; std::getline(changes, line);)
      if (!is_the_racers(line)) wrong += line + "\n";
    for (const auto& name : all_names())
      if (!names_.contains(name) && !is_the_racers(name)) wrong += "left behind: " + name + "\n";
    return wrong;
  }

  std::string wrong_if_whole() {
    std::string wrong;
    for (const auto& complaint : judge_device_rules(*container_, rules_, plan_))
      wrong += complaint.text + "\n";
    for (const auto& row : mount_table())
      if (!std::ranges::count(mounts_, row) && !row.options.starts_with("ro,"))
        wrong += "a mount that can be written at " + row.point + "\n";
    // Where mounts went with a directory that is outside again by now, none is to be seen.
    if (race_ == Race::DirectoryAndAnother) return wrong;
    // What is taken away after the hook has looked the last time it cannot miss.
    const std::size_t taken = race_ == Race::MountPoint ? 1 : 0;
    const auto mounts = mount_table().size() - mounts_.size();
    if (mounts > plan_.mounts.size() || mounts + taken < plan_.mounts.size())
      wrong += "it succeeded with " + std::to_string(mounts) + " of " +
               std::to_string(plan_.mounts.size()) + " mounts\n";
    return wrong;
  }

  void start_over() {
    container_.reset();
    for (const auto& name : all_names())
      if (!names_.contains(name)) fs::remove_all(name);
    if (race_ == Race::LinkDirectory || race_ == Race::TemporaryName)
      RaceGround::make_link_stale(rootfs());
    if (RaceGround::is_about_cache(race_)) RaceGround::make_cache_honest(rootfs());
    if (race_ == Race::CacheFile) ground_.make_decoy_again(rootfs());
    on_host_->accept();
  }

  Race race_;
  Tier tier_;
  RaceGround ground_;
  TemporaryFilesIn on_ground_{ground_.top()};
  Bundle bundle_;
  RacerJob job_;
  std::set<std::string> names_;
  PlanOfRun plan_;
  std::unique_ptr<TestContainer> container_;
  std::vector<std::string> snapshot_;
  std::string rules_;
  MountTable mounts_;
  std::string host_mounts_;
  std::optional<Silence> on_host_;
  std::optional<Silence> in_container_;
  std::unique_ptr<Racer> racer_;
};

class HookRaces : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  }

  static void withstands(Race race) {
    RacedHooks hooks(race, GetParam().tier);
    std::uint64_t refused = 0;
    std::uint64_t i = 1;
    // Longer where a busy machine keeps the racer from racing.
    for (; i <= effort().hooks || (hooks.racer().swaps() == 0 && i <= 20 * effort().hooks); ++i) {
      const auto wrong = hooks.run_once();
      ASSERT_EQ(wrong, "") << "run " << i;
      if (hooks.refused) ++refused;
      if (i % 500 == 0) std::fprintf(stderr, "%llu hooks\n", static_cast<unsigned long long>(i));
    }
    EXPECT_GT(hooks.racer().swaps(), 0U);
    RecordProperty("hooks", std::to_string(i - 1));
    RecordProperty("swaps", std::to_string(hooks.racer().swaps()));
    RecordProperty("refused", std::to_string(refused));
  }
};

TEST_P(HookRaces, R01_ADirectoryAndAnAbsoluteLink) { withstands(Race::DirectoryAndAbsoluteLink); }
TEST_P(HookRaces, R02_ADirectoryAndARelativeLink) { withstands(Race::DirectoryAndRelativeLink); }
TEST_P(HookRaces, R03_AFileAndALink) { withstands(Race::FileAndLink); }
TEST_P(HookRaces, R04_ADirectoryUnderADotDot) { withstands(Race::DirectoryUnderDotDot); }
TEST_P(HookRaces, R05_AMountPoint) { withstands(Race::MountPoint); }
TEST_P(HookRaces, R05_ADirectoryAndAnother) { withstands(Race::DirectoryAndAnother); }
TEST_P(HookRaces, R05_TwoMountPoints) { withstands(Race::TwoMountPoints); }
TEST_P(HookRaces, R06_ADirectoryThatLinksAreMadeIn) { withstands(Race::LinkDirectory); }
TEST_P(HookRaces, R06_ATemporaryName) { withstands(Race::TemporaryName); }
TEST_P(HookRaces, R06_TheDirectoryOfTheCache) { withstands(Race::CacheDirectory); }
TEST_P(HookRaces, R06_TheCache) { withstands(Race::CacheFile); }
TEST_P(HookRaces, R06_TheCacheAndADirectory) { withstands(Race::CacheAndDirectory); }
TEST_P(HookRaces, R06_ATemporaryNameOfTheCache) { withstands(Race::CacheTemporaryName); }
TEST_P(HookRaces, R07_TheCacheIsResized) { withstands(Race::CacheContent); }
TEST_P(HookRaces, R09_RenamesElsewhere) { withstands(Race::RenameStorm); }

INSTANTIATE_TEST_SUITE_P(Kernel, HookRaces, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
