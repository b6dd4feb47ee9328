// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "nvhook/volumes/store.hpp"
#include "support/fake_root.hpp"
#include "volumes/small_driver.hpp"

namespace nvhook::test {

// A store, and a driver of four files that goes into it, below one directory of the test's own.
class StoreFixture : public ::testing::Test {
 protected:
  StoreFixture() {
    ::umask(022);
    put_driver();
  }

  void put_driver() {
    put("/driver/nvidia-smi", "#!/bin/sh\n", 0755);
    put("/driver/libcuda.so.361.48", "cuda");
    put("/driver/libnvidia-ml.so.361.48", "ml");
    put("/driver/32/libcuda.so.361.48", "cuda of 32 bits");
  }

  void put(const std::string& path, const std::string& content, unsigned mode = 0644) {
    top_.file(path, content);
    std::filesystem::permissions(top_.on_disk(path), std::filesystem::perms{mode});
  }

  // A mount namespace of this process's own, of which the machine sees nothing. False where it may
  // have none.
  [[nodiscard]] static bool own_mounts() {
    return ::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }
  // A file system of memory there, until the end of the test.
  void mount_memory(const std::string& at, const char* options = "mode=755",
                    unsigned long flags = 0) {
    top_.directory(at);
    ASSERT_EQ(::mount("tmpfs", path(at).c_str(), "tmpfs", flags, options), 0) << at;
    mounted_.push_back(path(at));
  }
  void TearDown() override {
    for (; !mounted_.empty(); mounted_.pop_back()) ::umount2(mounted_.back().c_str(), MNT_DETACH);
  }

  [[nodiscard]] std::string path(const std::string& inside) const {
    return top_.on_disk(inside).string();
  }
  [[nodiscard]] volumes::StoreOptions options() const {
    return {.path = path("/store"), .links = true, .patience = std::chrono::milliseconds(5000)};
  }
  [[nodiscard]] volumes::Store store() const { return opened(options()); }
  [[nodiscard]] static volumes::Store opened(volumes::StoreOptions options) {
    auto store = volumes::Store::open(std::move(options));
    EXPECT_TRUE(store) << store.error().text();
    return std::move(store).value();
  }

  [[nodiscard]] volumes::Contents contents(std::string version = "361.48") const {
    return small_driver_in(path("/driver"), std::move(version));
  }

  [[nodiscard]] static volumes::Version version(const std::string& text = "361.48") {
    return volumes::Version::parse(text).value();
  }

  // What came of a create: "made", "kept", "renewed", or the error.
  [[nodiscard]] static std::string told(const Result<volumes::Created>& created) {
    if (!created) return created.error().text();
    switch (created->outcome) {
      case volumes::Outcome::Kept:
        return "kept";
      case volumes::Outcome::Made:
        return "made";
      case volumes::Outcome::Renewed:
        return "renewed";
    }
    return "?";
  }
  [[nodiscard]] static std::string told(const Result<std::string>& removed) {
    return removed ? "removed" + *removed : removed.error().text();
  }
  template <class T>
  [[nodiscard]] static std::string error_of(const Result<T>& result) {
    return result ? "none" : result.error().text();
  }

  // The paths of all files and links below a directory, sorted; of links with their targets.
  // What goes away meanwhile is not there.
  [[nodiscard]] static std::vector<std::string> files_in(const std::string& directory) {
    namespace fs = std::filesystem;
    std::vector<std::string> all;
    std::error_code gone;
    for (fs::recursive_directory_iterator at(directory, gone), end; !gone && at != end;
         at.increment(gone)) {
      const auto inside = at->path().lexically_relative(directory).string();
      const auto type = at->symlink_status(gone).type();
      if (type == fs::file_type::symlink)
        all.push_back(inside + " -> " + fs::read_symlink(at->path(), gone).string());
      else if (type != fs::file_type::directory)
        all.push_back(inside);
    }
    std::ranges::sort(all);
    return all;
  }
  [[nodiscard]] std::vector<std::string> volume_files(const std::string& version = "361.48") const {
    return files_in(path("/store/nvidia_driver/" + version));
  }
  [[nodiscard]] static std::vector<std::string> all_files() {
    return {"bin/nvidia-smi",
            "lib/libcuda.so -> libcuda.so.361.48",
            "lib/libcuda.so.1 -> libcuda.so.361.48",
            "lib/libcuda.so.361.48",
            "lib64/libcuda.so -> libcuda.so.361.48",
            "lib64/libcuda.so.1 -> libcuda.so.361.48",
            "lib64/libcuda.so.361.48",
            "lib64/libnvidia-ml.so.1 -> libnvidia-ml.so.361.48",
            "lib64/libnvidia-ml.so.361.48"};
  }
  // What the store has of ours besides volumes and lists of their files.
  [[nodiscard]] std::vector<std::string> remains() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path("/store/.nvhook"))) {
      const auto name = entry.path().filename().string();
      if (name != "lock" && name != "uses" && !name.starts_with("files-")) names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
  }

  [[nodiscard]] static std::string content_of(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  [[nodiscard]] static struct stat status_of(const std::string& file) {
    struct stat status {};
    EXPECT_EQ(::lstat(file.c_str(), &status), 0) << file;
    return status;
  }

  FakeRoot top_;
  std::vector<std::string> mounted_;
};

}  // namespace nvhook::test
