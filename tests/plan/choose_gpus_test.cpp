// SPDX-License-Identifier: Apache-2.0
// Which GPUs and MIG devices a request gets; draft_test.cpp has GPUs alone.
#include "plan/choose_gpus.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "plan/samples.hpp"

namespace nvhook::plan {
namespace {

using request::GpuId;
using request::GpuIndex;
using request::GpuUuid;
using request::MigIndex;
using request::MigInstance;
using request::MigUuid;
using test::asking_for;
using test::partitioned_driver;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kFirst = "GPU-00000000-1111-2222-3333-44445555aaaa";
const std::string kSecond = "GPU-00000003-1111-2222-3333-44445555bbbb";

// NVML's: GPU 0 counts from the last instance, and has a hole; GPU 1 has named one only.
driver::Driver named_driver() {
  auto driver = partitioned_driver();
  driver.mig_names = {{0, 0, 13, 0, "MIG-aaaa"},
                      {0, 2, 5, 1, "MIG-bbbb"},
                      {0, 3, 5, 0, "MIG-cccc"},
                      {0, 4, 1, 0, "MIG-dddd"},
                      {1, 0, 1, 0, "MIG-eeee"}};
  return driver;
}

Result<ChosenGpus> choose(const std::vector<GpuId>& ids,
                          const driver::Driver& driver = partitioned_driver()) {
  return choose_gpus(asking_for(ids), driver);
}

// "0: 1/0 5/1" of each GPU.
std::vector<std::string> shares(const Result<ChosenGpus>& chosen) {
  std::vector<std::string> shares;
  if (!chosen) return {chosen.error().text()};
  for (const auto& gpu : chosen->gpus) {
    auto text = std::to_string(gpu.index) + ":";
    for (const auto& instance : gpu.mig)
      for (const auto& compute : instance.compute)
        text += " " + std::to_string(instance.id) + "/" + std::to_string(compute.id);
    shares.push_back(std::move(text));
  }
  return shares;
}

std::string error(const Result<ChosenGpus>& chosen, ErrorId id = ErrorId::ReqDevice) {
  EXPECT_FALSE(chosen);
  if (chosen) return "none";
  EXPECT_EQ(chosen.error().id(), id);
  return chosen.error().text();
}

TEST(ChooseGpus, GivesAWholeGpuWithAllOfItsInstances) {
  EXPECT_THAT(shares(choose_gpus(asking_for(request::AllGpus{}), partitioned_driver())),
              ElementsAre("0: 1/0 5/0 5/1 13/0", "1: 1/0 5/0 5/1 13/0"));
  EXPECT_THAT(shares(choose({GpuIndex{1}})), ElementsAre("1: 1/0 5/0 5/1 13/0"));
  EXPECT_THAT(shares(choose({GpuUuid{kFirst}})), ElementsAre("0: 1/0 5/0 5/1 13/0"));
  EXPECT_THAT(shares(choose_gpus(asking_for(request::NoGpus{}), partitioned_driver())), IsEmpty());
}

TEST(ChooseGpus, KnowsPciDomainsOfMoreThan16Bits) {
  auto driver = partitioned_driver();
  driver.gpus[1].bus = "10a2f:c1:00.0";

  EXPECT_THAT(shares(choose({request::GpuBus{0x10a2f, 0xc1, 0}}, driver)),
              ElementsAre("1: 1/0 5/0 5/1 13/0"));
  EXPECT_THAT(error(choose({request::GpuBus{0x0a2f, 0xc1, 0}}, driver)),
              HasSubstr("there is no GPU 0a2f:c1:00.0"));
}

TEST(ChooseGpus, GivesAMigDeviceWithNothingOfOthers) {
  const struct {
    std::vector<GpuId> asked;
    std::vector<std::string> granted;
  } cases[] = {
      {{MigIndex{0, 0}}, {"0: 1/0"}},
      {{MigIndex{0, 1}}, {"0: 5/0"}},
      {{MigIndex{1, 2}}, {"1: 5/1"}},
      {{MigIndex{1, 3}}, {"1: 13/0"}},
      {{MigIndex{1, 3}, MigIndex{0, 2}, MigIndex{1, 3}, MigIndex{0, 1}}, {"0: 5/0 5/1", "1: 13/0"}},
      {{MigIndex{0, 0}, GpuIndex{1}}, {"0: 1/0", "1: 1/0 5/0 5/1 13/0"}},
      {{MigIndex{0, 0}, GpuIndex{0}}, {"0: 1/0 5/0 5/1 13/0"}},
      {{GpuIndex{0}, MigIndex{0, 0}}, {"0: 1/0 5/0 5/1 13/0"}},
      {{MigInstance{kSecond, 5, 1}}, {"1: 5/1"}},
      {{MigInstance{"gpu-00000003-1111-2222-3333-44445555BBBB", 5, 1}}, {"1: 5/1"}},
  };
  for (const auto& test : cases) EXPECT_EQ(shares(choose(test.asked)), test.granted);
}

TEST(ChooseGpus, CountsMigDevicesAsNvmlDoesWhereThatIsKnown) {
  const struct {
    std::vector<GpuId> asked;
    std::vector<std::string> granted;
  } cases[] = {
      {{MigIndex{0, 0}}, {"0: 13/0"}},     {{MigIndex{0, 2}}, {"0: 5/1"}},
      {{MigIndex{0, 4}}, {"0: 1/0"}},      {{MigUuid{"MIG-cccc"}}, {"0: 5/0"}},
      {{MigUuid{"MIG-eeee"}}, {"1: 1/0"}}, {{MigInstance{kFirst, 13, 0}}, {"0: 13/0"}},
  };
  for (const auto& test : cases) {
    const auto chosen = choose(test.asked, named_driver());
    EXPECT_EQ(shares(chosen), test.granted);
    ASSERT_TRUE(chosen);
    EXPECT_THAT(chosen->warnings, IsEmpty());
  }
}

TEST(ChooseGpus, WarnsWhereNvmlCouldCountOtherwise) {
  const auto counted = choose({MigIndex{0, 1}});

  ASSERT_TRUE(counted) << counted.error().text();
  ASSERT_EQ(counted->warnings.size(), 1U);
  EXPECT_EQ(counted->warnings[0].id, WarningId::MigOrder);
  EXPECT_THAT(counted->warnings[0].text, AllOf(HasSubstr("0:1 is taken for instance 5/0"),
                                               HasSubstr("MIG-" + kFirst + "/5/0")));
}

TEST(ChooseGpus, CountsItselfWhereNvmlDoesNotShowAllDevices) {
  const auto counted = choose({MigIndex{1, 0}}, named_driver());

  ASSERT_TRUE(counted) << counted.error().text();
  EXPECT_EQ(shares(counted), std::vector<std::string>{"1: 1/0"});
  ASSERT_EQ(counted->warnings.size(), 1U);
  EXPECT_EQ(counted->warnings[0].id, WarningId::MigOrder);
}

TEST(ChooseGpus, DoesNotWarnWhereNoOtherDeviceCouldBeMeant) {
  auto driver = partitioned_driver();
  driver.gpus[0].mig.resize(1);

  for (const auto& id : {GpuId(MigIndex{0, 0}), GpuId(MigInstance{kSecond, 5, 0})}) {
    const auto chosen = choose({id}, driver);
    ASSERT_TRUE(chosen) << chosen.error().text();
    EXPECT_THAT(chosen->warnings, IsEmpty());
  }
}

TEST(ChooseGpus, NamesTheMigDevicesThatThereAreWhereAnotherIsAskedFor) {
  for (const auto& id :
       {GpuId(MigIndex{0, 4}), GpuId(MigIndex{0, 4294967295}), GpuId(MigInstance{kFirst, 2, 0}),
        GpuId(MigInstance{kFirst, 1, 1}), GpuId(MigInstance{kFirst, 4294967295, 0})})
    EXPECT_THAT(error(choose({id})),
                HasSubstr("GPU 0 has 4, of GPU instance/compute instance 1/0, 5/0, 5/1, 13/0"));
  EXPECT_THAT(error(choose({MigIndex{0, 1}}, named_driver())),
              HasSubstr("there is no MIG device 0:1"))
      << "a hole";
  EXPECT_THAT(error(choose({MigIndex{0, 0}}, test::sample_driver())), HasSubstr("GPU 0 has 0 ("));
  EXPECT_THAT(error(choose({MigIndex{2, 0}})), HasSubstr("there is no GPU 2 on this host"));
  EXPECT_THAT(error(choose({MigInstance{"GPU-1", 1, 0}})), HasSubstr("there is no GPU GPU-1"));
  EXPECT_THAT(error(choose({MigUuid{"MIG-ffff"}}, named_driver())),
              HasSubstr("it has MIG-aaaa, MIG-bbbb, MIG-cccc, MIG-dddd, MIG-eeee"));
}

TEST(ChooseGpus, TakesNoBeginningOfAUuidForAMigDevice) {
  EXPECT_THAT(error(choose({MigInstance{"GPU-00000003", 5, 1}})), HasSubstr("there is no GPU"));
  EXPECT_THAT(error(choose({MigUuid{"MIG-aaa"}}, named_driver())), HasSubstr("no MIG device"));
}

TEST(ChooseGpus, DoesNotBelieveANameOfWhatIsNotThere) {
  auto driver = named_driver();
  driver.mig_names->push_back({0, 7, 9, 9, "MIG-0009"});
  driver.mig_names->push_back({9, 0, 1, 0, "MIG-0010"});

  EXPECT_THAT(error(choose({MigIndex{0, 7}}, driver)), HasSubstr("no MIG device 0:7"));
  EXPECT_THAT(error(choose({MigUuid{"MIG-0009"}}, driver)), HasSubstr("no MIG device MIG-0009"));
  EXPECT_THAT(error(choose({MigUuid{"MIG-0010"}}, driver)), HasSubstr("no GPU 9"));
}

TEST(ChooseGpus, SaysWhoKnowsTheUuidOfAMigDevice) {
  EXPECT_THAT(error(choose({MigUuid{"MIG-aaaa"}})),
              AllOf(HasSubstr("NVML alone knows"), HasSubstr("<GPU>:<number>")));
}

TEST(ChooseGpus, SaysWhyAUuidIsNotKnown) {
  auto driver = partitioned_driver();
  driver.gpus[1].uuid = "GPU-" + std::string(8, '?');

  EXPECT_THAT(error(choose({GpuUuid{kSecond}}, driver)), HasSubstr("run nvidia-smi on the host"));
  EXPECT_THAT(error(choose({GpuIndex{7}}, driver)), Not(HasSubstr("nvidia-smi")));
}

TEST(ChooseGpus, FailsForTheMissingNodeOfAMigDeviceThatWasAskedFor) {
  for (auto* const missing : {+[](driver::Gpu& gpu) { return &gpu.mig[1].access; },
                              +[](driver::Gpu& gpu) { return &gpu.mig[1].compute[0].access; }}) {
    auto driver = partitioned_driver();
    missing(driver.gpus[0])->missing = "no device node X";

    EXPECT_THAT(error(choose({MigIndex{0, 1}}, driver), ErrorId::NodeMissing),
                HasSubstr("MIG device 0:1: no device node X"));
    EXPECT_TRUE(choose({MigIndex{0, 0}}, driver));
    EXPECT_TRUE(choose({GpuIndex{0}}, driver));
  }
}

}  // namespace
}  // namespace nvhook::plan
