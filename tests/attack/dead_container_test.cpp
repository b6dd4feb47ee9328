// SPDX-License-Identifier: Apache-2.0
// Family T: a dead container's root, in which everything that is on record was exchanged for
// something else before what is ours is taken away, by poststop or by cleanup. Nothing outside of
// the root is touched, nothing that is somebody else's by now, and nothing is waited for.
#include "attack/dead_container.hpp"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

#include "attack/canaries.hpp"
#include "attack/host_silence.hpp"
#include "attack/mounted.hpp"
#include "attack/special_files.hpp"
#include "attack/verdict.hpp"
#include "support/command.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr auto kCache = "/etc/ld.so.cache";

std::string host_mounts() {
  std::ostringstream text;
  text << std::ifstream("/proc/self/mountinfo").rdbuf();
  return text.str();
}

class DeadContainers : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    (void)silence();
  }

  DeadContainer& dead() { return *dead_; }
  [[nodiscard]] fs::path victim(const std::string& path = "/") const {
    return victim_->on_disk(path);
  }

  // Arranges the scene and sweeps, each way. The host has a directory that looks as the root does.
  // What is at `but` and below may be otherwise than before the container, the rest may not.
  void each_way(const std::vector<std::string>& but, const std::function<void()>& arrange) {
    for (const auto how : {Sweeping::Poststop, Sweeping::Cleanup}) {
      SCOPED_TRACE(how == Sweeping::Poststop ? "poststop" : "cleanup");
      start_over();
      arrange();
      sweep(how, but);
    }
  }

  void start_over() {
    dead_.reset();
    victim_.emplace();
    dead_.emplace(GetParam());
    const auto copied = run({"cp", "-a", dead().on_disk().string() + "/.", victim().string()});
    ASSERT_EQ(copied.status, 0) << copied.err;
    // Else they alone would tell our files from the host's.
    dead().forget_inodes();
  }

  void sweep(Sweeping how, const std::vector<std::string>& but) {
    const Canaries host(victim());
    const auto mounts = host_mounts();
    silence().forget();

    ended_ = launch(dead().sweep(how));

    EXPECT_FALSE(ended_.hung);
    auto complaints = silence().heard({::getpid()}, {dead().on_disk(), "/run/nvhook"});
    for (const auto& more :
         {host.judge(), judge_result(ended_), judge_cost(ended_, std::chrono::seconds(2))})
      complaints.insert(complaints.end(), more.begin(), more.end());
    for (const auto& complaint : complaints) ADD_FAILURE() << complaint.text;
    EXPECT_EQ(host_mounts(), mounts);
    EXPECT_EQ(differences(dead().before(), dead().names(), but), "") << ended_.err << ended_.out;
  }

  void replace_by_link(const std::string& path, const std::string& text) {
    fs::remove_all(dead().on_disk(path));
    dead().root().symlink(path, text);
  }

  // What is on record, by kind: a path of each.
  [[nodiscard]] std::vector<std::string> recorded() {
    std::vector<std::string> paths = {kCache};
    const auto before = dead().before();
    std::optional<std::string> point;
    std::optional<std::string> link;
    for (const auto& [path, is] : dead().names()) {
      if (before.contains(path) || path.starts_with("/dev/")) continue;
      const auto type = fs::symlink_status(dead().on_disk(path)).type();
      if (type == fs::file_type::symlink && !link) link = path;
      if (type == fs::file_type::regular && !point) point = path;
    }
    for (const auto& each : {point, link})
      if (each) paths.push_back(*each);
    return paths;
  }

  Ended ended_;

 private:
  static HostSilence& silence() {
    static HostSilence listening;
    return listening;
  }

  std::optional<FakeRoot> victim_;
  std::optional<DeadContainer> dead_;
};

TEST_P(DeadContainers, T00_Nothing) {
  each_way({}, [] {});
  EXPECT_EQ(ended_.status, 0) << ended_.err;
}

// As in a root of a user namespace's.
TEST_P(DeadContainers, T00_TheCacheIsAnotherUsers) {
  DeadContainer of_another(GetParam(), [](FakeRoot& image) {
    const auto cache = image.on_disk(kCache);
    ASSERT_EQ(::chown(cache.c_str(), 100'000, 100'000), 0);
    ASSERT_EQ(::chmod(cache.c_str(), 0640), 0);
  });

  const auto done = launch(of_another.sweep(Sweeping::Poststop));

  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(differences(of_another.before(), of_another.names()), "");
}

TEST_P(DeadContainers, T01_ADirectoryIsALinkToTheHostsOfTheSameNames) {
  for (const std::string directory : {"/usr", "/usr/lib", kLibraryDirectory, "/usr/bin", "/etc"}) {
    SCOPED_TRACE(directory);
    for (const bool absolute : {true, false}) {
      each_way({"/aside", directory, "/usr/lib", "/usr/bin"}, [&] {
        fs::rename(dead().on_disk(directory), dead().on_disk("/aside"));
        const auto target = victim(directory);
        dead().root().symlink(
            directory,
            absolute ? target.string()
                     : target.lexically_relative(dead().on_disk(directory).parent_path()).string());
      });
      EXPECT_TRUE(fs::is_symlink(dead().on_disk(directory)));
    }
  }
}

TEST_P(DeadContainers, T01_ADirectoryIsAMount) {
  std::optional<Mounted> mounted;
  for (const std::string directory : {"/usr", kLibraryDirectory, "/etc"}) {
    SCOPED_TRACE(directory);
    each_way({directory}, [&] {
      mounted.reset();
      mounted.emplace(victim(directory), dead().on_disk(directory), nullptr, MS_BIND);
    });
    mounted.reset();
  }
}

TEST_P(DeadContainers, T01_ADirectoryIsAnythingElse) {
  for (const std::string directory : {kLibraryDirectory, "/etc"}) {
    for (const auto& thing : special_files()) {
      SCOPED_TRACE(directory + " is " + thing.what);
      each_way({"/aside", directory}, [&] {
        fs::rename(dead().on_disk(directory), dead().on_disk("/aside"));
        ASSERT_EQ(thing.make(dead().on_disk(directory)), 0);
      });
    }
  }
}

TEST_P(DeadContainers, T02_WhatIsOnRecordIsALinkToTheHosts) {
  start_over();
  for (const auto& path : recorded()) {
    SCOPED_TRACE(path);
    each_way({path}, [&] { replace_by_link(path, victim(path)); });
    EXPECT_EQ(fs::read_symlink(dead().on_disk(path)), victim(path));
  }
}

TEST_P(DeadContainers, T02_WhatIsOnRecordIsAHardLinkToTheHosts) {
  start_over();
  auto points = recorded();
  // What has the looks of ours loses this name; only of an empty file the number of names tells.
  // (A tree of new kernels leaves none.)
  std::erase_if(points, [this](const auto& path) {
    return path == kCache || fs::is_symlink(dead().on_disk(path));
  });
  for (const auto& path : points) {
    SCOPED_TRACE(path);
    each_way({path}, [&] {
      fs::remove(dead().on_disk(path));
      ASSERT_EQ(::link(victim(path).c_str(), dead().on_disk(path).c_str()), 0);
    });
  }
}

TEST_P(DeadContainers, T02_WhatIsOnRecordIsAnythingElse) {
  start_over();
  auto things = special_files();
  things.push_back({"a directory with something in it", [](const std::string& at) {
                      return fs::create_directories(at + "/something") ? 0 : -1;
                    }});
  things.push_back({"a file", [](const std::string& at) {
                      std::ofstream(at) << "somebody's";
                      return 0;
                    }});
  things.push_back({"a huge file", [](const std::string& at) {
                      std::ofstream(at) << "somebody's";
                      return ::truncate(at.c_str(), off_t{1} << 33U);
                    }});
  for (const auto& path : recorded()) {
    for (const auto& thing : things) {
      SCOPED_TRACE(path + " is " + thing.what);
      start_over();
      fs::remove(dead().on_disk(path));
      ASSERT_EQ(thing.make(dead().on_disk(path)), 0);
      const auto there = dead().names().at(path);

      sweep(Sweeping::Poststop, {path});

      EXPECT_EQ(dead().names().at(path), there);
    }
  }
}

// Names that the run or the sweeping use for a while.
TEST_P(DeadContainers, T03_TemporaryNamesAreThereAlready) {
  start_over();
  const std::string link = GetParam().layout == Layout::Tree
                               ? "/usr/bin/nvidia-smi"
                               : kLibraryDirectory + std::string("/libcuda.so.1");
  for (const auto& path : {std::string(kCache), link}) {
    auto things = special_files();
    things.push_back({"a link", [&](const std::string& at) {
                        return ::symlink(victim(kCache).c_str(), at.c_str());
                      }});
    things.push_back({"a hard link", [&](const std::string& at) {
                        return ::link(victim(kCache).c_str(), at.c_str());
                      }});
    things.push_back(
        {"a directory", [](const std::string& at) { return ::mkdir(at.c_str(), 0755); }});
    for (const auto& thing : things) {
      SCOPED_TRACE(path + ", " + thing.what);
      start_over();
      const fs::path at(path);
      const auto hook = std::to_string(dead().record().at("hook").get<int>());
      std::vector<std::string> beside;
      for (const auto* suffix : {"", ".1", ".15"}) beside.push_back(hook + suffix);
      beside.push_back("sweep-" + hook);
      std::vector<std::string> but;
      for (const auto& each : beside) {
        but.push_back(at.parent_path() / ("." + at.filename().string() + ".nvhook-" + each));
        ASSERT_EQ(thing.make(dead().on_disk(but.back())), 0);
      }

      sweep(Sweeping::Poststop, but);

      for (const auto& each : but)
        EXPECT_TRUE(fs::symlink_status(dead().on_disk(each)).type() != fs::file_type::not_found)
            << each;
    }
  }
}

TEST_P(DeadContainers, T04_TheRootIsAnother) {
  const auto everything = [this] {
    std::vector<std::string> but;
    for (const auto& [path, is] : dead().names()) but.push_back(path);
    for (const auto& [path, is] : dead().before()) but.push_back(path);
    return but;
  };
  std::optional<Mounted> mounted;
  for (const char* what : {"a link", "a directory", "a mount", "a file", "gone"}) {
    for (const auto how : {Sweeping::Poststop, Sweeping::Cleanup}) {
      SCOPED_TRACE(what);
      start_over();
      const auto root = dead().on_disk();
      const auto aside = root.parent_path() / "aside";
      const auto but = everything();
      const std::string is = what;
      if (is == "a mount") {
        mounted.emplace(victim(), root, nullptr, MS_BIND);
      } else {
        fs::rename(root, aside);
        if (is == "a link") fs::create_symlink(victim(), root);
        if (is == "a directory")
          fs::copy(aside, root, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
        if (is == "a file") std::ofstream(root) << "somebody's";
      }
      const Canaries of_aside(aside);
      if (is == "a file" || is == "gone") {
        // There are no names to compare.
        const Canaries host(victim());
        ended_ = launch(dead().sweep(how));
        EXPECT_TRUE(host.judge().empty());
        EXPECT_TRUE(judge_result(ended_).empty()) << ended_.err;
      } else {
        sweep(how, but);
      }
      EXPECT_TRUE(of_aside.judge().empty());
      mounted.reset();
      if (is != "a mount") {
        if (is == "a directory") {
          fs::remove_all(root);
        } else {
          fs::remove(root);
        }
        fs::rename(aside, root);
      }
    }
  }
}

// The directory of records is root's; what another made of one is refused, whoever it was.
TEST_P(DeadContainers, T05_TheRecordIsNotToBeTrusted) {
  const std::vector<std::pair<const char*, std::function<void(const fs::path&)>>> kTricks = {
      {"of another user",
       [](const auto& file) { EXPECT_EQ(::chown(file.c_str(), 1000, 1000), 0); }},
      {"that all may write", [](const auto& file) { ::chmod(file.c_str(), 0666); }},
      {"a link",
       [](const auto& file) {
         const auto aside = file.parent_path() / "aside";
         fs::rename(file, aside);
         fs::create_symlink("aside", file);
       }},
      {"a fifo",
       [](const auto& file) {
         fs::remove(file);
         ::mkfifo(file.c_str(), 0600);
       }},
      {"huge", [](const auto& file) { fs::resize_file(file, std::uintmax_t{1} << 33U); }},
      {"empty", [](const auto& file) { fs::resize_file(file, 0); }},
      {"nonsense", [](const auto& file) { std::ofstream(file) << "{]\n"; }}};
  for (const auto& [what, trick] : kTricks) {
    for (const auto how : {Sweeping::Poststop, Sweeping::Cleanup}) {
      SCOPED_TRACE(what);
      start_over();
      trick(dead().record_file());
      const auto names = dead().names();
      const Canaries host(victim());

      ended_ = launch(dead().sweep(how));

      EXPECT_FALSE(ended_.hung);
      EXPECT_TRUE(judge_result(ended_).empty()) << ended_.err;
      EXPECT_TRUE(judge_cost(ended_, std::chrono::seconds(2)).empty());
      EXPECT_TRUE(host.judge().empty());
      EXPECT_EQ(differences(names, dead().names()), "");
    }
  }
}

// As root would write it by mistake, or a program that was exploited.
TEST_P(DeadContainers, T05_TheRecordNamesPlacesOutside) {
  for (const std::string up : {"/..", "/../..", "/usr/../..", "/etc/../.."}) {
    SCOPED_TRACE(up);
    for (const auto how : {Sweeping::Poststop, Sweeping::Cleanup}) {
      start_over();
      auto record = dead().record();
      const auto name = victim().filename().string();
      for (auto& object : record["objects"])
        object["path"] = up + "/" + name + object["path"].get<std::string>();
      std::ofstream(dead().record_file()) << record.dump() << "\n";
      const Canaries host(victim());
      const auto names = dead().names();

      ended_ = launch(dead().sweep(how));

      EXPECT_TRUE(host.judge().empty());
      EXPECT_TRUE(judge_result(ended_).empty()) << ended_.err;
      EXPECT_EQ(differences(names, dead().names()), "");
    }
  }
}

TEST_P(DeadContainers, T06_AnotherContainerHasTheSameId) {
  start_over();
  const auto names = dead().names();
  auto sweep = dead().sweep(Sweeping::Poststop);
  auto state = nlohmann::json::parse(dead().state("stopped"));
  state["bundle"] = victim().string();
  sweep.input = state.dump();

  ended_ = launch(sweep);

  EXPECT_EQ(ended_.status, 0) << ended_.err;
  EXPECT_EQ(differences(names, dead().names()), "");
  EXPECT_TRUE(fs::exists(dead().record_file()));
}

// As where no poststop hook runs.
TEST_P(DeadContainers, T09_AnotherContainerIsMadeOfTheRoot) {
  start_over();
  const auto names = dead().names();

  dead().live_and_die();

  EXPECT_EQ(differences(names, dead().names()), "");
}

INSTANTIATE_TEST_SUITE_P(Kernel, DeadContainers, ::testing::ValuesIn(variants_of_each_layout()),
                         name_of_instance);

}  // namespace
}  // namespace nvhook::test
