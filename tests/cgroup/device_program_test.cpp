// SPDX-License-Identifier: Apache-2.0
#include "cgroup/device_program.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "support/device_evaluator.hpp"
#include "support/device_program_text.hpp"

namespace nvhook::cgroup {
namespace {

using test::allows;
using test::from_text;
using test::Question;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Devices = std::vector<DeviceNumber>;

// Programs as the kernel shows those of real runtimes.
std::vector<std::filesystem::path> captured() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(NVHOOK_DEVICE_PROGRAMS))
    files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

Devices eight_gpus() {
  Devices devices = {{195, 255}, {195, 254}, {510, 0}, {510, 1}, {235, 0xfffff}};
  for (std::uint32_t gpu = 0; gpu < 8; ++gpu) devices.push_back({195, gpu});
  for (std::uint32_t cap = 1; cap < 40; cap += 3) devices.push_back({237, cap});
  return devices;
}

bool is_granted(const Devices& devices, const Question& question) {
  constexpr std::uint32_t kReadWrite = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
  return question.type == BPF_DEVCG_DEV_CHAR && (question.access & ~kReadWrite) == 0 &&
         std::ranges::find(devices, DeviceNumber{question.major, question.minor}) != devices.end();
}

// Asks both programs everything that one of them could tell apart. How much that was.
std::size_t expect_only_granted(const Program& before, const Program& after,
                                const Devices& devices) {
  const auto questions = test::questions_for({before, after});
  for (const auto& question : questions) {
    const auto old_answer = allows(before, question);
    const auto new_answer = allows(after, question);
    if (!old_answer || !new_answer) {
      ADD_FAILURE() << test::fault_of(old_answer) << test::fault_of(new_answer);
      return 0;
    }
    if (*new_answer == (*old_answer || is_granted(devices, question))) continue;
    ADD_FAILURE() << to_text(question) << ": was " << *old_answer << ", is " << *new_answer;
    return 0;
  }
  return questions.size();
}

std::string text_of(const Program& program) { return test::to_text(program); }

class GrantsBefore : public ::testing::TestWithParam<std::filesystem::path> {
 protected:
  Program original_ = test::from_file(GetParam());
};

TEST_P(GrantsBefore, AllowWhatIsGrantedAndLeaveTheRestAsItWas) {
  std::size_t questions = 0;
  for (const auto& devices : {Devices{}, Devices{{195, 0}}, Devices{{195, 0}, {195, 255}, {510, 0}},
                              Devices{{1, 3}, {5, 2}, {136, 4}, {8, 0}}, eight_gpus()}) {
    const auto program = with_grants(original_, devices);
    ASSERT_TRUE(program);
    questions += expect_only_granted(original_, *program, devices);
  }
  std::printf("%zu pairs of device and access\n", questions);
  RecordProperty("pairs", std::to_string(questions));
}

TEST_P(GrantsBefore, AreFoundAgain) {
  EXPECT_THAT(grants_of(original_).devices, IsEmpty());
  EXPECT_EQ(grants_of(original_).size, 0U);

  const auto program = *with_grants(original_, {{510, 0}, {195, 255}, {195, 0}});

  EXPECT_THAT(grants_of(program).devices,
              ElementsAre(DeviceNumber{195, 0}, DeviceNumber{195, 255}, DeviceNumber{510, 0}));
  EXPECT_EQ(grants_of(program).size, program.size() - original_.size());
}

// A program that is granted something again and again does not grow.
TEST_P(GrantsBefore, AreMadeOnePartWithEarlierOnes) {
  const auto first = *with_grants(original_, {{195, 0}, {195, 255}});
  const auto second = *with_grants(first, {{195, 1}, {195, 0}});

  EXPECT_EQ(text_of(second), text_of(*with_grants(original_, {{195, 0}, {195, 1}, {195, 255}})));
  EXPECT_EQ(text_of(*with_grants(second, {})), text_of(second));
}

TEST_P(GrantsBefore, CanBeLoadedAgain) {
  EXPECT_TRUE(can_be_loaded_again(original_));
  EXPECT_TRUE(can_be_loaded_again(*with_grants(original_, eight_gpus())));
}

INSTANTIATE_TEST_SUITE_P(TheProgramOf, GrantsBefore, ::testing::ValuesIn(captured()),
                         [](const auto& each) { return each.param.stem().string(); });

const Program kNothing = from_text("b7 r0 r0 +0 0\n95 r0 r0 +0 0\n");

TEST(Grants, AreEachDeviceOnceInOneOrder) {
  EXPECT_EQ(text_of(*with_grants(kNothing, {{195, 1}, {195, 0}, {195, 1}})),
            text_of(*with_grants(kNothing, {{195, 0}, {195, 1}})));
}

TEST(Grants, AreThisForTwoGpus) {
  EXPECT_EQ(text_of(*with_grants(kNothing, {{195, 0}, {195, 255}, {510, 1}})),
            "61 r2 r1 +0 0           # r2 = *(u32 *)(r1 + 0)\n"
            "61 r3 r1 +4 0           # r3 = *(u32 *)(r1 + 4)\n"
            "61 r4 r1 +8 0           # r4 = *(u32 *)(r1 + 8)\n"
            "54 r2 r0 +0 -393217     # w2 &= -393217\n"
            "55 r2 r0 +9 2           # if r2 != 2 goto +9\n"
            "55 r3 r0 +4 195         # if r3 != 195 goto +4\n"
            "15 r4 r0 +1 0           # if r4 == 0 goto +1\n"
            "55 r4 r0 +2 255         # if r4 != 255 goto +2\n"
            "b7 r0 r0 +0 1           # r0 = 1\n"
            "95 r0 r0 +0 0           # exit\n"
            "55 r3 r0 +3 510         # if r3 != 510 goto +3\n"
            "55 r4 r0 +2 1           # if r4 != 1 goto +2\n"
            "b7 r0 r0 +0 1           # r0 = 1\n"
            "95 r0 r0 +0 0           # exit\n"
            "b7 r0 r0 +0 0           # r0 = 0\n"
            "95 r0 r0 +0 0           # exit\n");
}

// No jump is longer than its 16 bits, whatever the devices are.
TEST(Grants, ReachOverAsManyDevicesAsMayBe) {
  Devices one_major;
  Devices each_its_own;
  for (std::uint32_t i = 0; i < kMaxGrants; ++i) {
    one_major.push_back({195, 2 * i});
    each_its_own.push_back({i, 7 * i});
  }
  for (const auto& devices : {one_major, each_its_own}) {
    const auto program = *with_grants(kNothing, devices);
    EXPECT_EQ(grants_of(program).devices, devices);
    for (const auto& device : {devices.front(), devices[kMaxGrants / 2], devices.back()}) {
      const Question question{BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ, device.major, device.minor};
      EXPECT_EQ(allows(program, question), true) << to_text(question);
      auto other = question;
      ++other.minor;
      EXPECT_EQ(allows(program, other), false) << to_text(other);
    }
  }
}

TEST(Grants, AreRefusedBeyondThat) {
  Devices devices;
  for (std::uint32_t i = 0; i <= kMaxGrants; ++i) devices.push_back({195, i});

  EXPECT_EQ(with_grants(kNothing, devices).error().id(), ErrorId::Cgroup);
  devices.pop_back();
  const auto full = with_grants(kNothing, devices);
  ASSERT_TRUE(full);
  EXPECT_EQ(with_grants(*full, {{196, 0}}).error().id(), ErrorId::Cgroup);
}

// 0xffffffff would mean "any" to some.
TEST(Grants, AreRefusedForNumbersThatNoDeviceHas) {
  for (const auto& device : Devices{{0x1000, 0}, {0xffffffff, 0}, {195, 0x100000}, {195, ~0U}})
    EXPECT_EQ(with_grants(kNothing, {device}).error().id(), ErrorId::Cgroup);
  EXPECT_TRUE(with_grants(kNothing, {{0xfff, 0xfffff}}));
}

TEST(Grants, AreRefusedInFrontOfNothing) {
  EXPECT_EQ(with_grants({}, {{195, 0}}).error().id(), ErrorId::Cgroup);
  const auto program = *with_grants(kNothing, {{195, 0}});
  const auto part = std::span(program).first(grants_of(program).size);
  EXPECT_EQ(with_grants(part, {{195, 1}}).error().id(), ErrorId::Cgroup);
}

// Somebody's program that begins nearly like ours is his, whole.
TEST(Grants, AreNotFoundInWhatLooksLikeThem) {
  const auto program = *with_grants(kNothing, {{195, 0}, {195, 255}, {510, 1}});
  for (std::size_t i = 0; i < grants_of(program).size; ++i) {
    SCOPED_TRACE(i);
    for (const auto& change : std::initializer_list<void (*)(bpf_insn&)>{
             [](bpf_insn& one) { one.code ^= 0x10U; }, [](bpf_insn& one) { ++one.off; },
             [](bpf_insn& one) { one.dst_reg ^= 1U; }, [](bpf_insn& one) { one.src_reg ^= 2U; }}) {
      auto other = program;
      change(other[i]);
      EXPECT_EQ(grants_of(other).size, 0U);
    }
  }
  // A constant is another device, or nothing.
  auto other = program;
  other[4].imm = 1;
  EXPECT_EQ(grants_of(other).size, 0U);
  other = program;
  other[6].imm = 255;
  EXPECT_EQ(grants_of(other).size, 0U) << "the same device twice";
}

TEST(Grants, AreNotFoundInAProgramThatIsCutOff) {
  const auto program = *with_grants(kNothing, {{195, 0}});
  const auto whole = grants_of(program).size;
  for (std::size_t size = 0; size < whole; ++size)
    EXPECT_EQ(grants_of(std::span(program).first(size)).size, 0U) << size;
}

TEST(DeviceProgram, CannotBeLoadedAgainWithCallsMapsOrBlindedConstants) {
  const auto with = [](const std::string& line) {
    return from_text("61 r2 r1 +0 0\n" + line + "b7 r0 r0 +0 1\n95 r0 r0 +0 0\n");
  };
  EXPECT_TRUE(can_be_loaded_again(with("")));
  EXPECT_TRUE(can_be_loaded_again(with("18 r3 r0 +0 7\n00 r0 r0 +0 0\n"))) << "a wide constant";

  EXPECT_FALSE(can_be_loaded_again({}));
  EXPECT_FALSE(can_be_loaded_again(Program(64))) << "hidden: all zero";
  EXPECT_FALSE(can_be_loaded_again(with("85 r0 r0 +0 5\n"))) << "a call";
  EXPECT_FALSE(can_be_loaded_again(with("18 r3 r1 +0 7\n00 r0 r0 +0 0\n"))) << "a map";
  EXPECT_FALSE(can_be_loaded_again(with("b7 r11 r0 +0 7\n"))) << "blinding";
  EXPECT_FALSE(can_be_loaded_again(with("af r2 r11 +0 0\n"))) << "blinding";
}

}  // namespace
}  // namespace nvhook::cgroup
