// SPDX-License-Identifier: Apache-2.0
// The record that a hook leaves, and what nvhook reapply makes of it.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

#include "integration/bundle.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr auto kRecords = "/run/nvhook";

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The record itself: a second line says what was made.
std::string first_line(const fs::path& path) {
  const auto text = text_of(path);
  return text.substr(0, text.find('\n'));
}

// Those of the test before are gone, and none but its own hooks make any here: own_records.cpp.
std::vector<fs::path> records() {
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator(kRecords)) all.push_back(entry.path());
  return all;
}

class RecordOfAHook : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    for (const auto& record : records()) fs::remove(record);
    container_.emplace(bundle_.root().on_disk());
    id_ = json::parse(container_->state(bundle_.path()))["id"];
  }

  void run_hook() {
    const auto done = bundle_.hook(*container_);
    ASSERT_EQ(done.status, 0) << done.err;
    ASSERT_THAT(records(), SizeIs(1));
    rules_ = container_->device_rules();
  }

  // As systemd does on a reload, and whoever else owns the cgroup.
  void take_the_gpus_away() const {
    for (const auto* rule : {"c 195:0 rw", "c 195:1 rw", "c 195:255 rw"})
      std::ofstream(container_->cgroup() / "devices.deny") << rule;
    ASSERT_NE(container_->device_rules(), rules_);
  }

  // The container's process is in there afterwards.
  [[nodiscard]] fs::path cgroup_below() const {
    const auto below = container_->cgroup() / "below";
    fs::create_directory(below);
    std::ofstream(below / "cgroup.procs") << container_->pid();
    return below;
  }

  static Finished reapply(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {NVHOOK_PROGRAM, "reapply"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command);
  }

  // Something about the record is no longer so.
  static void change_record(const std::function<void(json&)>& change) {
    auto record = json::parse(first_line(records().front()));
    change(record);
    std::ofstream(records().front()) << record.dump();
  }

  [[nodiscard]] std::string stopped_state() const {
    return json{
        {"ociVersion", "1.0.2"}, {"id", id_}, {"status", "stopped"}, {"bundle", bundle_.path()}}
        .dump();
  }

  [[nodiscard]] std::vector<std::string> sorted_rules() const {
    std::istringstream lines(container_->device_rules());
    std::vector<std::string> all;
    for (std::string line; std::getline(lines, line);) all.push_back(line);
    std::ranges::sort(all);
    return all;
  }

  Bundle bundle_;
  std::optional<TestContainer> container_;
  std::string id_;
  std::string rules_;
};

TEST_F(RecordOfAHook, HasWhatThePlanHas) {
  const auto plan = bundle_.plan(*container_);

  run_hook();

  const auto record = json::parse(first_line(records().front()));
  EXPECT_EQ(record["schema"], "nvhook.record/1");
  EXPECT_EQ(record["id"], id_);
  EXPECT_EQ(record["pid"], container_->pid());
  ASSERT_EQ(record["devices"].size(), plan["devices"].size());
  for (std::size_t i = 0; i < record["devices"].size(); ++i) {
    EXPECT_EQ(record["devices"][i]["path"], plan["devices"][i]["path"]);
    EXPECT_EQ(record["devices"][i]["minor"], plan["devices"][i]["minor"]);
    EXPECT_TRUE(fs::is_character_file(record["devices"][i]["node"].get<std::string>()));
  }
  // And the loader's cache.
  EXPECT_EQ(record["objects"].size(),
            plan["directories"].size() + plan["mounts"].size() + plan["symlinks"].size() + 1);
}

TEST_F(RecordOfAHook, IsNotLeftByOneThatFails) {
  bundle_.root().directory(std::string(kLibraryDirectory) + "/libcuda.so." + kVersion);

  EXPECT_EQ(bundle_.hook(*container_).status, 4);

  EXPECT_THAT(records(), SizeIs(0));
}

TEST_F(RecordOfAHook, IsNotLeftByOneThatFailsAtItsLastStep) {
  const auto below = cgroup_below();  // whose parent does not allow the GPUs

  const auto done = bundle_.hook(*container_);

  EXPECT_EQ(done.status, 5);
  EXPECT_THAT(done.err, StartsWith("nvhook: E_CGROUP: "));
  EXPECT_THAT(records(), SizeIs(0));
  container_.reset();
  fs::remove(below);
}

TEST_F(RecordOfAHook, StaysWhileTheContainerRuns) {
  run_hook();

  const auto done = run({NVHOOK_PROGRAM, "poststop"}, stopped_state());

  EXPECT_EQ(done.status, 4);
  EXPECT_THAT(done.err, HasSubstr("still runs"));
  EXPECT_THAT(records(), SizeIs(1));
}

TEST_F(RecordOfAHook, GoesWithTheContainer) {
  run_hook();
  container_.reset();

  const auto done = run({NVHOOK_PROGRAM, "poststop"}, stopped_state());

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(records(), SizeIs(0));
  EXPECT_EQ(run({NVHOOK_PROGRAM}, stopped_state()).status, 0);
}

TEST_F(RecordOfAHook, StaysWhenAnotherContainerStops) {
  run_hook();
  auto state = json::parse(stopped_state());
  state["id"] = id_ + "x";

  EXPECT_EQ(run({NVHOOK_PROGRAM}, state.dump()).status, 0);

  EXPECT_THAT(records(), SizeIs(1));
}

TEST_F(RecordOfAHook, GivesTheDevicesAgain) {
  run_hook();
  const auto all = sorted_rules();
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{id_}, {"--pid", std::to_string(container_->pid())}}) {
    take_the_gpus_away();

    const auto done = reapply(arguments);

    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.out, HasSubstr("allowed again: c 195:0 rw  /dev/nvidia0\n"));
    EXPECT_EQ(sorted_rules(), all);
  }
}

TEST_F(RecordOfAHook, SaysWhereNothingWasMissing) {
  run_hook();

  const auto done = reapply({id_});

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, StartsWith("nothing was missing"));
  EXPECT_EQ(container_->device_rules(), rules_);
}

TEST_F(RecordOfAHook, GivesNothingToWhoIsNotTheOne) {
  run_hook();
  take_the_gpus_away();
  const auto rules = container_->device_rules();
  const auto record = text_of(records().front());
  const auto one_more = [](json& number) { number = number.get<std::uint64_t>() + 1; };
  const struct {
    const char* says;
    std::function<void(json&)> change;
  } cases[] = {
      {"started anew",
       [](json& it) { it["identity"]["boot_id"] = "7d3f2a0e-1111-4222-8333-444455556666"; }},
      {"another process's", [&](json& it) { one_more(it["identity"]["start_time"]); }},
      {"another mount namespace",
       [&](json& it) { one_more(it["identity"]["mount_namespace"]["inode"]); }},
      {"another device cgroup", [&](json& it) { one_more(it["identity"]["cgroup"]["inode"]); }},
  };
  for (const auto& [says, change] : cases) {
    std::ofstream(records().front()) << record;
    change_record(change);

    const auto done = reapply({id_});

    EXPECT_EQ(done.status, 4) << says;
    EXPECT_THAT(done.err, StartsWith("nvhook: E_RECORD: "));
    EXPECT_THAT(done.err, HasSubstr(says));
    EXPECT_EQ(container_->device_rules(), rules) << says;
  }
}

TEST_F(RecordOfAHook, GivesNothingToAContainerThatHasMovedToAnotherCgroup) {
  run_hook();
  take_the_gpus_away();
  const auto below = cgroup_below();

  const auto done = reapply({id_});

  EXPECT_EQ(done.status, 4);
  EXPECT_THAT(done.err, HasSubstr("another device cgroup"));
  container_.reset();
  fs::remove(below);
}

TEST_F(RecordOfAHook, GivesNothingToWhoHasEnded) {
  run_hook();
  container_.reset();

  const auto done = reapply({id_});

  EXPECT_EQ(done.status, 4);
  EXPECT_THAT(done.err, StartsWith("nvhook: E_PID: "));
}

TEST_F(RecordOfAHook, IsToldFromAnotherOfThisIdByThePid) {
  run_hook();
  Bundle other;
  const TestContainer namesake(other.root().on_disk());
  ASSERT_EQ(other.hook(namesake).status, 0);
  ASSERT_THAT(records(), SizeIs(2));

  const auto by_id = reapply({id_});
  EXPECT_EQ(by_id.status, 4);
  EXPECT_THAT(by_id.err, HasSubstr("2 containers are called"));

  EXPECT_EQ(reapply({"--pid", std::to_string(namesake.pid())}).status, 0);
}

// Where no poststop hook runs, the records of dead containers stay.
TEST_F(RecordOfAHook, IsToldFromThatOfADeadOneOfThisId) {
  run_hook();
  container_.reset();
  Bundle other;
  const TestContainer namesake(other.root().on_disk());
  ASSERT_EQ(other.hook(namesake).status, 0);
  ASSERT_THAT(records(), SizeIs(2));

  EXPECT_EQ(reapply({id_}).status, 0);
}

TEST_F(RecordOfAHook, IsToBlameWhereItCannotBeRead) {
  run_hook();
  std::ofstream(records().front()) << "{}";

  const auto done = reapply({id_});

  EXPECT_EQ(done.status, 4);
  EXPECT_THAT(done.err, HasSubstr("\"schema\" is missing"));
}

TEST_F(RecordOfAHook, IsMissedWhereThereIsNone) {
  EXPECT_THAT(reapply({"nobody"}).err, StartsWith("nvhook: E_RECORD: there is no record of"));
  EXPECT_EQ(reapply({"nobody"}).status, 4);
  EXPECT_EQ(reapply({}).status, 64);
  EXPECT_EQ(reapply({"--pid", "1"}).status, 64);
  EXPECT_EQ(reapply({"--pid", "x"}).status, 64);
}

TEST_F(RecordOfAHook, CanBeDoneWithout) {
  ASSERT_EQ(::chmod(kRecords, 0777), 0);

  const auto done = bundle_.hook(*container_);

  ASSERT_EQ(::chmod(kRecords, 0700), 0);
  EXPECT_EQ(done.status, 0);
  EXPECT_THAT(done.err, HasSubstr("W_NO_RECORD"));
}

}  // namespace
}  // namespace nvhook::test
