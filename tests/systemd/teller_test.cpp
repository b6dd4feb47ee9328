// SPDX-License-Identifier: Apache-2.0
// The two ends of an order, with the program that ships. What it does with systemd is shown by
// tests/integration/scope_hook_test.cpp.
#include "nvhook/systemd/teller.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nvhook/systemd/scope.hpp"

namespace nvhook::systemd {
namespace {

using ::testing::HasSubstr;

// The only child of this process.
int end_of_program() {
  int status = -1;
  EXPECT_GT(::waitpid(-1, &status, 0), 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Order order() { return {.scope = "nvhook-nobodys.scope", .nodes = {{"/dev/null", {1, 3}}}}; }

TEST(Teller, EndsItsProgramWithoutAnOrder) {
  {
    const auto teller = Teller::start();
    ASSERT_TRUE(teller) << teller.error().text();
  }

  EXPECT_EQ(end_of_program(), 0);
}

TEST(Teller, IsToldWhyAnOrderCannotBeCarriedOut) {
  auto teller = Teller::start();
  ASSERT_TRUE(teller) << teller.error().text();

  ASSERT_TRUE(teller->give(order()));
  const auto answer = teller->await_answer();

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id(), ErrorId::Systemd);
  EXPECT_THAT(answer.error().text(),
              HasSubstr(is_booted() ? "nvhook-nobodys.scope" : "/run/systemd/transient"));
  EXPECT_EQ(end_of_program(), 0);
}

TEST(Teller, HasItsProgramEndOnAnOrderThatIsNone) {
  auto teller = Teller::start();
  ASSERT_TRUE(teller) << teller.error().text();
  auto wrong = order();
  wrong.scope = "/etc";

  ASSERT_TRUE(teller->give(wrong));

  const auto answer = teller->await_answer();
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text(), HasSubstr("gave no answer"));
  EXPECT_NE(end_of_program(), 0);
}

TEST(Teller, RefusesAnOrderThatIsTooLong) {
  {
    auto teller = Teller::start();
    ASSERT_TRUE(teller) << teller.error().text();
    auto wrong = order();
    wrong.nodes.assign(kMaxNodes, {std::string(100, 'a'), {1, 3}});

    EXPECT_FALSE(teller->give(wrong));
  }

  EXPECT_EQ(end_of_program(), 0);
}

}  // namespace
}  // namespace nvhook::systemd
