// SPDX-License-Identifier: Apache-2.0
#include "nvhook/request/requirement.hpp"

#include <gmock/gmock.h>

#include <iterator>

#include "request/contract.hpp"

namespace nvhook::request {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Facts with(std::optional<std::string> cuda, std::optional<std::string> driver = {},
           std::optional<std::string> arch = {}, std::optional<std::string> brand = {}) {
  return {.cuda = std::move(cuda),
          .driver = std::move(driver),
          .arch = std::move(arch),
          .brand = std::move(brand),
          .gpu = true};
}

// "holds", "fails", "unknown", or "invalid".
std::string verdict(std::string_view requirement, const Facts& facts) {
  const auto judgement = judge(requirement, facts);
  if (!judgement)
    return judgement.error().id() == ErrorId::ReqRequirement ? "invalid" : "another error";
  switch (judgement->verdict) {
    case Verdict::Holds:
      return "holds";
    case Verdict::Fails:
      return "fails";
    case Verdict::Unknown:
      return "unknown";
  }
  std::abort();  // every enumerator is handled above
}

// Found out with the evaluator of nvidia-container-cli.
TEST_F(Contract, Requirements) {
  constexpr auto kLong = "cuda>=12.8 brand=tesla,driver>=470,driver<471";
  auto no_gpu = with("12.4");
  no_gpu.gpu = false;
  const struct {
    const char* requirement;
    Facts facts;
    const char* verdict;
  } table[] = {
      {"cuda>=12.4", with("12.4"), "holds"},
      {"cuda>=12.4", with("12.2"), "fails"},
      {"cuda>=12", with("12.4"), "holds"},
      {"cuda=12", with("12.4"), "fails"},
      {"cuda<=12", with("12.4"), "fails"},
      {"cuda>12", with("12.4"), "holds"},
      {"cuda=12.0", with("12"), "holds"},
      {"driver>=450,driver<451", with({}, "450.80.02"), "holds"},
      {"driver<451", with({}, "451.01"), "fails"},
      {kLong, with("12.2", "470.82", "8.0", "Tesla"), "holds"},
      {kLong, with("12.2", "470.82", "8.0", "GeForce"), "fails"},
      {"brand!=Tesla", with({}, {}, {}, "Tesla"), "fails"},
      {"brand=geforcertx", with({}, {}, {}, "GeForceRTX"), "holds"},
      {"arch>=8.0", no_gpu, "holds"},
      {"arch>=7.0", with({}, {}, "10.0"), "holds"},
      {"cuda==12.0", with("12.4"), "invalid"},
      {"cuda>=12.0 foo=1", with("12.4"), "holds"},
      {"foo=1 cuda>=12.0", with("12.4"), "invalid"},
      {"driver>=550-server", with("12.4", "550.54.14"), "invalid"},
      {"cuda!12.2", with("12.4"), "holds"},
      {"cuda=<12", with("12.4"), "invalid"},
      {"cuda=>12", with("12.4"), "invalid"},
      {"cuda>=", with("12.4"), "invalid"},
      {"brand<tesla", with({}, {}, {}, "Tesla"), "invalid"},
      {",,cuda>=12,,", with("12.4"), "holds"},
      {"", with("12.4"), "holds"},
      {"   ", with("12.4"), "holds"},
      {"CUDA>=12", with("12.4"), "holds"},
      {"12", with("12.4"), "invalid"},
      {"cuda", with("12.4"), "invalid"},
  };
  for (const auto& [requirement, facts, due] : table)
    EXPECT_EQ(verdict(requirement, facts), due) << requirement;
  count(std::size(table));
}

TEST(Requirement, OfAGpuHoldsWhereNoneIsAskedFor) {
  auto facts = with("12.4");
  facts.gpu = false;

  EXPECT_EQ(verdict("arch>=8.0,brand=Tesla", facts), "holds");
  EXPECT_EQ(verdict("cuda>=12.8", facts), "fails");
}

TEST(Requirement, IsOpenWhereAFactThatIsNotKnownDecides) {
  EXPECT_EQ(verdict("arch>=8.0", with("12.4")), "unknown");
  EXPECT_EQ(verdict("arch>=8.0,cuda>=12.8", with("12.4")), "fails");
  EXPECT_EQ(verdict("cuda>=12.8,arch>=8.0", with("12.4")), "fails");
  EXPECT_EQ(verdict("brand=tesla cuda>=12.4", with("12.4")), "holds");
  EXPECT_EQ(verdict("cuda>=12.8 brand=tesla,driver>=550", with("12.4", "550.54.14")), "unknown");
  EXPECT_EQ(verdict("cuda>=12.8 brand=tesla,driver>=560", with("12.4", "550.54.14")), "fails");
  EXPECT_EQ(verdict("cuda>=12.8", with("not a version")), "unknown");
}

TEST(Requirement, TellsForEachAlternativeWhichTermIsInTheWay) {
  const auto judgement =
      judge("cuda>=12.8 driver>=470,driver<471 arch>=9.0", with("12.4", "550.54.14")).value();

  ASSERT_EQ(judgement.obstacles.size(), 3U);
  EXPECT_EQ(judgement.obstacles[0].fact, "cuda is 12.4");
  EXPECT_EQ(judgement.obstacles[1].alternative, "driver>=470,driver<471");
  EXPECT_EQ(judgement.obstacles[1].term, "driver<471");
  EXPECT_EQ(judgement.obstacles[2].fact, "arch is not known");
  EXPECT_THAT(judge("cuda>=12.8 cuda>=12", with("12.4")).value().obstacles, IsEmpty());
}

TEST(Requirement, SaysWhatIsWrongWithAnExpression) {
  EXPECT_THAT(judge("cuda>=12\x1b[2J", with("12")).error().text(),
              ::testing::AllOf(HasSubstr("E_REQ_REQUIREMENT"), HasSubstr("digits and dots"),
                               ::testing::Not(HasSubstr("\x1b"))));
  EXPECT_FALSE(judge(std::string(kMaxRequirement + 1, ' '), with("12")));
}

TEST(Versions, AreComparedAsNumbersBetweenDots) {
  const struct {
    const char* less;
    const char* greater;
  } cases[] = {{"9", "10"},        {"12.2", "12.10"},          {"12", "12.4"},
               {"12.0", "12.0.1"}, {"550.54.14", "550.54.15"}, {"99", "18446744073709551617"}};
  for (const auto& [less, greater] : cases) {
    EXPECT_LT(compare_versions(less, greater), 0) << less << " " << greater;
    EXPECT_GT(compare_versions(greater, less), 0) << less << " " << greater;
  }
  for (const auto* same : {"12", "12.0", "12.0.0", "012", "12."})
    EXPECT_EQ(compare_versions("12", same), 0) << same;
}

}  // namespace
}  // namespace nvhook::request
