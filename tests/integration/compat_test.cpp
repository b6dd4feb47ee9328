// SPDX-License-Identifier: Apache-2.0
// CUDA's forward compatibility: driver libraries of the image's own that come before the host's.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "integration/bundle.hpp"
#include "nvhook/base/byte_reader.hpp"
#include "nvhook/ldcache/ldcache.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr auto kCompat = "/usr/local/cuda-12.9/compat";

class ForwardCompatibility : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = TestContainer::unavailable(); !why.empty()) GTEST_SKIP() << why;
    bundle_.root().symlink("/usr/local/cuda", "cuda-12.9");
    container_ = std::make_unique<TestContainer>(bundle_.root().on_disk());
  }

  void image_has(const std::string& version) {
    const auto directory = bundle_.root().on_disk(kCompat);
    fs::create_directories(directory);
    fs::copy_file(fs::path(NVHOOK_SIMULATED_HOST) / fs::path(kLibraryDirectory).relative_path() /
                      ("libcuda.so." + std::string(kVersion)),
                  directory / ("libcuda.so." + version));
    fs::create_symlink("libcuda.so." + version, directory / "libcuda.so.1");
  }

  // Where the container's loader finds the library.
  [[nodiscard]] std::string found(std::string_view name) const {
    std::ifstream in(bundle_.root().on_disk("/etc/ld.so.cache"));
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    const auto cache = ldcache::parse(bytes_of(bytes));
    if (!cache) return cache.error().text();
    const auto entry = std::ranges::find(cache->entries, name, &ldcache::Entry::name);
    return entry == cache->entries.end() ? "nowhere" : std::string(entry->path);
  }

  Bundle bundle_;
  std::unique_ptr<TestContainer> container_;
};

TEST_F(ForwardCompatibility, IsOfANewerBranchThanTheHosts) {
  image_has("575.57.08");

  const auto done = bundle_.hook(*container_);

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(found("libcuda.so.1"), std::string(kCompat) + "/libcuda.so.1");
  EXPECT_EQ(found("libnvidia-ml.so.1"), std::string(kLibraryDirectory) + "/libnvidia-ml.so.1");
}

TEST_F(ForwardCompatibility, LeavesTheHostsInFrontWhereTheImagesAreOlder) {
  image_has("470.82.01");

  const auto plan = bundle_.plan(*container_);
  const auto done = bundle_.hook(*container_);

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(found("libcuda.so.1"), std::string(kLibraryDirectory) + "/libcuda.so.1");
  EXPECT_THAT(plan["ldcache"]["compat"].get<std::string>(), HasSubstr("470.82.01"));
}

TEST_F(ForwardCompatibility, IsInThePlan) {
  image_has("575.57.08");

  const auto plan = bundle_.plan(*container_);

  EXPECT_EQ(plan["ldcache"]["directories"], (json{kCompat, kLibraryDirectory}));
  EXPECT_THAT(plan["ldcache"]["compat"].get<std::string>(), HasSubstr("newer"));
  for (const auto& mount : plan["mounts"])
    EXPECT_FALSE(mount["source"].get<std::string>().contains("compat")) << mount;
}

TEST_F(ForwardCompatibility, CanBeTurnedOff) {
  image_has("575.57.08");
  const FakeRoot settings;
  std::ofstream(settings.on_disk() / "config.toml") << "[container]\ncuda_compat = \"off\"\n";

  const auto done =
      bundle_.hook(*container_, {"--config", (settings.on_disk() / "config.toml").string()});

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(found("libcuda.so.1"), std::string(kLibraryDirectory) + "/libcuda.so.1");
}

TEST_F(ForwardCompatibility, IsForComputeOnly) {
  image_has("575.57.08");
  bundle_.env("NVIDIA_DRIVER_CAPABILITIES=utility");

  const auto done = bundle_.hook(*container_);

  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(found("libcuda.so.1"), "nowhere");
}

}  // namespace
}  // namespace nvhook::test
