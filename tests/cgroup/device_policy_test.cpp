// SPDX-License-Identifier: Apache-2.0
#include "cgroup/device_policy.hpp"

#include <gmock/gmock.h>

#include <cstdio>
#include <functional>
#include <string>

#include "cgroup/device_program.hpp"
#include "support/device_evaluator.hpp"
#include "support/device_program_text.hpp"

namespace nvhook::cgroup {
namespace {

using oci::DeviceRule;
using test::allows;
using test::Question;
using Rules = std::vector<DeviceRule>;

constexpr auto kAny = std::nullopt;

DeviceRule allow(std::string type, std::optional<std::int64_t> major,
                 std::optional<std::int64_t> minor, std::string access) {
  return {.allow = true,
          .type = std::move(type),
          .major = major,
          .minor = minor,
          .access = std::move(access)};
}
DeviceRule deny(std::string type, std::optional<std::int64_t> major,
                std::optional<std::int64_t> minor, std::string access) {
  auto rule = allow(std::move(type), major, minor, std::move(access));
  rule.allow = false;
  return rule;
}
const DeviceRule kDenyAll = deny("", kAny, kAny, "rwm");
const DeviceRule kAllowAll = allow("", kAny, kAny, "rwm");

// What the programs of tests/cgroup/programs were made from, by real runtimes.
const Rules kSpec = {kDenyAll};
const Rules kPrivileged = {kAllowAll};
const Rules kMixed = {kDenyAll,
                      allow("b", 8, kAny, "r"),
                      allow("c", 195, 1, "r"),
                      allow("c", 195, 1, "w"),
                      allow("c", 226, kAny, "rw"),
                      allow("c", 29, 0, "rwm"),
                      deny("c", 29, 0, "w")};
const Rules kAllBut = {kAllowAll, deny("b", 8, 0, "rwm"), deny("c", 195, kAny, "rw")};

Program program_for(const Rules& rules) {
  const auto policy = policy_of(rules);
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().text());
  return policy ? program_of(*policy) : Program{};
}

Program captured(const std::string& name) {
  return test::from_file(std::string(NVHOOK_DEVICE_PROGRAMS) + "/" + name + ".txt");
}

bool ask(const Program& program, std::uint32_t type, std::uint32_t access, std::uint32_t major,
         std::uint32_t minor) {
  const auto answer = allows(program, {type, access, major, minor});
  EXPECT_TRUE(answer) << test::fault_of(answer);
  return answer.value_or(false);
}

// Where the two differ, ours says no; `expected` says which questions may differ.
void expect_same(const std::string& name, const Rules& rules,
                 const std::function<bool(const Question&)>& may_differ) {
  const auto theirs = captured(name);
  const auto ours = program_for(rules);
  const auto questions = test::questions_for({theirs, ours});
  for (const auto& question : questions) {
    const auto they_say = allows(theirs, question);
    const auto we_say = allows(ours, question);
    ASSERT_TRUE(they_say && we_say) << test::fault_of(they_say) << test::fault_of(we_say);
    if (*they_say == *we_say) continue;
    EXPECT_TRUE(*they_say || question.access == 0)
        << "wider than " << name << ": " << to_text(question);
    if (!may_differ(question)) FAIL() << "narrower than " << name << ": " << to_text(question);
  }
  std::printf("%zu pairs of device and access\n", questions.size());
}

// runc 1.1 lets each container have /dev/net/tun.
bool is_tun(const Question& question) {
  return question.type == BPF_DEVCG_DEV_CHAR && question.major == 10 && question.minor == 200;
}
// crun lets each container have /dev/console.
bool is_console(const Question& question) {
  return question.type == BPF_DEVCG_DEV_CHAR && question.major == 5 && question.minor == 1;
}
bool nothing(const Question& /*question*/) { return false; }

TEST(DevicePolicy, IsRuncs) {
  expect_same("runc_default", kSpec, is_tun);
  expect_same("runc_mixed", kMixed, is_tun);
  expect_same("runc_privileged", kPrivileged, nothing);
}

// A deny of runc's program is for requests within its accesses only: to make a node of 195:* and to
// read it is allowed, to do nothing with it is not. No kernel asks for the one, and nobody gains by
// the other.
TEST(DevicePolicy, IsRuncsWhereEverythingIsAllowedBut) {
  expect_same("runc_all_but", kAllBut, [](const Question& question) {
    const bool both = (question.access & kMknod) != 0 && question.access != kMknod;
    return question.major == 195 && (both || question.access == 0);
  });
}

TEST(DevicePolicy, IsCruns) { expect_same("crun_default", kSpec, is_console); }

// Rules for one device add up in runc and in cgroup v1, which is what policy_of() goes by.
TEST(DevicePolicy, AddsUpTheRulesForOneDevice) {
  const auto program = program_for(kMixed);

  EXPECT_TRUE(ask(program, BPF_DEVCG_DEV_CHAR, kRead | kWrite, 195, 1));
  EXPECT_FALSE(ask(program, BPF_DEVCG_DEV_CHAR, kRead | kWrite | kMknod, 195, 1));
  EXPECT_FALSE(ask(program, BPF_DEVCG_DEV_CHAR, kRead, 195, 0));
  EXPECT_TRUE(ask(program, BPF_DEVCG_DEV_CHAR, kRead, 29, 0));
  EXPECT_FALSE(ask(program, BPF_DEVCG_DEV_CHAR, kWrite, 29, 0));
  EXPECT_FALSE(ask(program, BPF_DEVCG_DEV_BLOCK, kRead, 195, 1));
}

TEST(DevicePolicy, BeginsWithNothingAllowed) {
  EXPECT_EQ(*policy_of({}), *policy_of(kSpec));
  EXPECT_FALSE(ask(program_for({}), BPF_DEVCG_DEV_CHAR, kRead, 195, 0));
  EXPECT_TRUE(ask(program_for({}), BPF_DEVCG_DEV_CHAR, kAllAccess, 1, 3));
}

TEST(DevicePolicy, BeginsAnewWithEachRuleForEverything) {
  EXPECT_EQ(*policy_of(Rules{kAllowAll, deny("c", 1, 1, "r"), kDenyAll}), *policy_of(kSpec));
  EXPECT_EQ(*policy_of(Rules{allow("c", 195, kAny, "rwm"), kAllowAll}), *policy_of(kPrivileged));
  // Whatever else such a rule says, runc denies everything.
  EXPECT_EQ(*policy_of(Rules{kAllowAll, deny("a", 195, kAny, "m")}), *policy_of(kSpec));
}

TEST(DevicePolicy, DeniesWhatHasAnyOfTheDeniedAccesses) {
  const auto program = program_for({kAllowAll, deny("c", 195, 0, "w")});

  EXPECT_TRUE(ask(program, BPF_DEVCG_DEV_CHAR, kRead, 195, 0));
  EXPECT_FALSE(ask(program, BPF_DEVCG_DEV_CHAR, kRead | kWrite, 195, 0));
  EXPECT_TRUE(ask(program, BPF_DEVCG_DEV_CHAR, kRead | kWrite, 195, 1));
}

TEST(DevicePolicy, IsRefusedWhereRuntimesDiffer) {
  const Rules cases[] = {
      {kDenyAll, allow("a", 195, kAny, "rwm")},
      {kDenyAll, allow("a", kAny, kAny, "r")},
      {kDenyAll, allow("c", 195, kAny, "rw"), deny("c", 195, 1, "w")},
      {kDenyAll, allow("c", 195, 1, "rw"), deny("c", 195, kAny, "w")},
      {kAllowAll, deny("c", 195, kAny, "rw"), allow("c", 195, 1, "w")},
  };
  for (const auto& rules : cases) {
    SCOPED_TRACE(&rules - cases);
    EXPECT_EQ(policy_of(rules).error().id(), ErrorId::Cgroup);
  }
  // Nothing is taken out of it here.
  EXPECT_TRUE(policy_of(Rules{kDenyAll, allow("c", 195, kAny, "r"), deny("c", 195, 1, "w")}));
  EXPECT_TRUE(policy_of(Rules{kDenyAll, allow("c", 195, kAny, "r"), deny("b", 195, 1, "r")}));
}

TEST(DevicePolicy, IsRefusedForMoreRulesThanAnybodyWrites) {
  EXPECT_TRUE(policy_of(Rules(1024, kDenyAll)));
  EXPECT_EQ(policy_of(Rules(1025, kDenyAll)).error().id(), ErrorId::Cgroup);
}

// What a runtime adds to everything does not come back by a rule that forbids more.
TEST(DevicePolicy, StaysForbiddingWhereWhatRuntimesAddIsPartOfWhatIsForbidden) {
  const auto program = program_for({kAllowAll, deny("c", 1, kAny, "rw")});

  EXPECT_FALSE(ask(program, BPF_DEVCG_DEV_CHAR, kRead, 1, 3));
  EXPECT_TRUE(
      ask(program_for({kAllowAll, deny("c", 1, 3, "rw")}), BPF_DEVCG_DEV_CHAR, kRead, 1, 3));
}

}  // namespace
}  // namespace nvhook::cgroup
