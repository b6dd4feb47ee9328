// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/facts.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "nvhook/nvml/document.hpp"
#include "support/fake_root.hpp"

namespace nvhook::nvml {
namespace {

namespace fs = std::filesystem;
using test::FakeRoot;
using ::testing::HasSubstr;
using ::testing::Optional;

driver::Gpu gpu(std::uint32_t minor, const char* bus, const char* uuid) {
  driver::Gpu gpu;
  gpu.minor = minor;
  gpu.bus = bus;
  gpu.uuid = uuid;
  return gpu;
}

// A host whose first GPU has a MIG device.
struct Host {
  FakeRoot proc;
  std::string version = "550.54.14";
  std::vector<driver::Gpu> gpus = {gpu(0, "0000:01:00.0", "GPU-1"),
                                   gpu(1, "0000:09:00.0", "GPU-2")};

  Host() { proc.directory(kInstance); }
  [[nodiscard]] std::string key() const {
    const auto key = key_of_host(proc.on_disk().string(), version, gpus);
    EXPECT_TRUE(key) << key.error().text();
    return key.value_or("");
  }
  [[nodiscard]] fs::path on_disk(const char* path) const { return proc.on_disk(path); }

  static constexpr auto kInstance = "/driver/nvidia/capabilities/gpu0/mig/gi1/ci0";
};

Nvml nvml_of_a_tesla() {
  Nvml nvml;
  nvml.driver = "550.54.14";
  nvml.gpus.emplace_back().brand = "Tesla";
  return nvml;
}

TEST(NvmlFacts, AreKeptForTheSameHost) {
  const Host host;
  const FakeRoot run;
  const auto parent = run.on_disk("/nvhook").string();

  const auto kept = remember(parent, host.key(), to_json(nvml_of_a_tesla()));

  ASSERT_TRUE(kept) << kept.error().text();
  const auto known = recall(parent, host.key());
  ASSERT_TRUE(known);
  EXPECT_TRUE(*known == nvml_of_a_tesla());
}

TEST(NvmlFacts, AreWholeWithAllGpusAndMigDevices) {
  const Host host;  // with one MIG device
  Nvml nvml;
  for (const auto* bus : {"0000:01:00.0", "0000:09:00.0"}) {
    auto& gpu = nvml.gpus.emplace_back();
    gpu.bus = bus;
    gpu.brand = "Tesla";
    gpu.arch = "8.0";
  }
  EXPECT_FALSE(is_whole(nvml, host.key())) << "no MIG device is shown";
  nvml.gpus[0].mig.devices.emplace_back();
  EXPECT_TRUE(is_whole(nvml, host.key()));

  nvml.gpus[1].error.emplace();
  EXPECT_TRUE(is_whole(nvml, host.key())) << "of something else";
  nvml.gpus[1].arch.reset();
  EXPECT_FALSE(is_whole(nvml, host.key())) << "the GPU may answer later";
}

TEST(NvmlFacts, AreReplacedWhole) {
  const Host host;
  const FakeRoot run;
  const auto parent = run.on_disk("/nvhook").string();
  ASSERT_TRUE(remember(parent, "older\n", to_json(nvml_of_a_tesla())));

  ASSERT_TRUE(remember(parent, host.key(), to_json(nvml_of_a_tesla())));

  EXPECT_FALSE(recall(parent, "older\n"));
  EXPECT_TRUE(recall(parent, host.key()));
  const auto files = std::distance(fs::directory_iterator(parent + "/host"), {});
  EXPECT_EQ(files, 1) << "nothing of the writing is left";
}

TEST(NvmlFacts, OfThisBootAreNamedByIt) {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::getline(file, boot);

  EXPECT_THAT(Host().key(), HasSubstr("boot " + boot + "\n"));
}

// What changes on a host, so that what NVML said there is no longer true.
struct Change {
  const char* name;
  std::function<void(Host&)> make;
};

class StaleFacts : public ::testing::TestWithParam<Change> {};

TEST_P(StaleFacts, AreNotBelieved) {
  Host host;
  const FakeRoot run;
  const auto parent = run.on_disk("/nvhook").string();
  ASSERT_TRUE(remember(parent, host.key(), to_json(nvml_of_a_tesla())));

  GetParam().make(host);

  EXPECT_FALSE(recall(parent, host.key()));
}

// A directory that is made anew has another time, whatever its number.
void make_anew(Host& host, const char* path) {
  const auto parent = host.on_disk(path).parent_path();
  const fs::path aside = parent / "aside";  // so that it has another number, too
  fs::create_directory(aside);
  fs::remove_all(host.on_disk(path));
  fs::create_directory(host.on_disk(path));
  fs::remove(aside);
}

INSTANTIATE_TEST_SUITE_P(
    By, StaleFacts,
    ::testing::Values(
        Change{"DriverVersion", [](Host& host) { host.version = "550.54.15"; }},
        Change{"Bus", [](Host& host) { host.gpus[1].bus = "0000:0a:00.0"; }},
        Change{"Uuid", [](Host& host) { host.gpus[1].uuid = "GPU-3"; }},
        Change{"Minor", [](Host& host) { host.gpus[1].minor = 2; }},
        Change{"GpuGone", [](Host& host) { host.gpus.pop_back(); }},
        Change{"GpuNew", [](Host& host) { host.gpus.push_back(gpu(2, "0000:11:00.0", "GPU-3")); }},
        Change{"Order", [](Host& host) { std::swap(host.gpus[0], host.gpus[1]); }},
        Change{"MigInstanceGone", [](Host& host) { fs::remove(host.on_disk(Host::kInstance)); }},
        Change{"MigInstanceNew",
               [](Host& host) {
                 host.proc.directory("/driver/nvidia/capabilities/gpu0/mig/gi2/ci0");
               }},
        Change{"MigOnAnotherGpu",
               [](Host& host) { host.proc.directory("/driver/nvidia/capabilities/gpu1/mig/gi1"); }},
        Change{"ComputeInstanceMadeAnew", [](Host& host) { make_anew(host, Host::kInstance); }},
        Change{"GpuInstanceTouched",
               [](Host& host) {
                 const timespec times[] = {{1, 0}, {2, 3}};
                 ::utimensat(AT_FDCWD,
                             host.on_disk("/driver/nvidia/capabilities/gpu0/mig/gi1").c_str(),
                             times, 0);
               }}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(NvmlFacts, OfAnotherBootAreNotBelieved) {
  const Host host;
  const FakeRoot run;
  const auto parent = run.on_disk("/nvhook").string();
  auto key = host.key();
  key.replace(key.find("boot ") + 5, 8, "00000000");
  ASSERT_TRUE(remember(parent, key, to_json(nvml_of_a_tesla())));

  EXPECT_FALSE(recall(parent, host.key()));
}

TEST(NvmlFacts, AreNotBelievedWhereOthersCanChangeThem) {
  const Host host;
  const FakeRoot run;
  const auto parent = run.on_disk("/nvhook").string();
  ASSERT_TRUE(remember(parent, host.key(), to_json(nvml_of_a_tesla())));
  ASSERT_TRUE(recall(parent, host.key()));
  for (const auto* path : {"", "/host", "/host/nvml"}) {
    const auto name = parent + path;
    struct stat status {};
    ASSERT_EQ(::stat(name.c_str(), &status), 0);
    for (const mode_t more : {mode_t{S_IWGRP}, mode_t{S_IWOTH}}) {
      ::chmod(name.c_str(), status.st_mode | more);
      EXPECT_FALSE(recall(parent, host.key())) << name << " with " << more;
    }
    ::chmod(name.c_str(), status.st_mode);
    if (::geteuid() == 0) {
      ASSERT_EQ(::chown(name.c_str(), 1000, 0), 0);
      EXPECT_FALSE(recall(parent, host.key())) << name << " of somebody else";
      ASSERT_EQ(::chown(name.c_str(), 0, 0), 0);
    }
    EXPECT_TRUE(recall(parent, host.key())) << name;
  }
}

TEST(NvmlFacts, AreNotBelievedBehindALink) {
  const Host host;
  const FakeRoot run;
  const auto parent = run.on_disk("/nvhook").string();
  ASSERT_TRUE(remember(parent, host.key(), to_json(nvml_of_a_tesla())));
  fs::rename(parent + "/host/nvml", parent + "/host/other");
  fs::create_symlink("other", parent + "/host/nvml");

  EXPECT_FALSE(recall(parent, host.key()));
}

TEST(NvmlFacts, ThatAreDamagedAreNotBelieved) {
  const Host host;
  const FakeRoot run;
  const auto parent = run.on_disk("/nvhook").string();
  Nvml failed;
  failed.error = Trouble{};
  for (const auto& document :
       {std::string(), std::string("{"), to_json(nvml_of_a_tesla()).substr(0, 60),
        std::string(kMaxDocument + 100'000, 'x'), to_json(failed)}) {
    ASSERT_TRUE(remember(parent, host.key(), document));

    EXPECT_FALSE(recall(parent, host.key())) << document.substr(0, 100);
  }
}

TEST(NvmlFacts, AreWithoutAnyWhereNoneAreKept) {
  const FakeRoot run;

  EXPECT_FALSE(recall(run.on_disk("/nvhook").string(), "key"));
  EXPECT_FALSE(recall("/nowhere/nvhook", "key"));
  EXPECT_FALSE(remember("/nowhere/nvhook", "key", "document"));
}

TEST(NvmlSilence, IsKeptForTheSameHostForAWhile) {
  Host host;
  const FakeRoot run;
  const auto parent = run.on_disk("/nvhook").string();
  EXPECT_FALSE(recall_silence(parent, host.key()));

  ASSERT_TRUE(remember_silence(parent, host.key()));

  EXPECT_THAT(recall_silence(parent, host.key()), Optional(::testing::Lt(kSilence)));
  EXPECT_FALSE(recall(parent, host.key())) << "which is no answer";
  host.version = "550.90.07";
  EXPECT_FALSE(recall_silence(parent, host.key())) << "another driver may answer";
}

TEST(NvmlSilence, IsBrokenInTheEnd) {
  const Host host;
  const FakeRoot run;
  const auto parent = run.on_disk("/nvhook").string();
  ASSERT_TRUE(remember_silence(parent, host.key()));
  struct timespec now {};
  ASSERT_EQ(::clock_gettime(CLOCK_BOOTTIME, &now), 0);
  const auto noted = [&](const std::string& text) {
    std::ofstream(parent + "/host/nvml-silent") << host.key() << "\n" << text;
    return recall_silence(parent, host.key());
  };

  EXPECT_TRUE(noted(std::to_string(now.tv_sec)));
  EXPECT_FALSE(noted(std::to_string(now.tv_sec - kSilence.count())));
  EXPECT_FALSE(noted(std::to_string(now.tv_sec + 100))) << "from the future";
  for (const auto* text : {"", "x", "1 ", "99999999999999999999999"}) EXPECT_FALSE(noted(text));
}

TEST(NvmlKey, OfAGpuThatIsKnownMeanwhileIsTheSame) {
  Host host;
  host.gpus[0].uuid = "GPU-????????";
  const auto before = host.key();
  host.gpus[0].uuid = "GPU-1";

  EXPECT_TRUE(same_but_for_unknown_uuids(before, host.key()));
  EXPECT_FALSE(same_but_for_unknown_uuids(host.key(), before)) << "what is known is not forgotten";
  host.gpus[0].bus = "0000:02:00.0";
  EXPECT_FALSE(same_but_for_unknown_uuids(before, host.key()));
  host.gpus.pop_back();
  EXPECT_FALSE(same_but_for_unknown_uuids(before, host.key()));
}

TEST(NvmlKey, NeedsAProc) {
  const auto key = key_of_host("/nowhere", "550", {});

  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().id(), ErrorId::DriverRead);
}

}  // namespace
}  // namespace nvhook::nvml
