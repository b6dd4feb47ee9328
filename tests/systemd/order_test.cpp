// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/order.hpp"

#include <gtest/gtest.h>

namespace nvhook::systemd {
namespace {

Order order() {
  return {.scope = "runc-c1.scope",
          .nodes = {{"/dev/nvidia0", {195, 0}}, {"/run/nvidia/driver/dev/nvidiactl", {195, 255}}}};
}

ErrorId id_of(const Result<Order>& decoded) {
  return decoded ? ErrorId::Bug : decoded.error().id();
}

TEST(OrderMessage, ArrivesAsItWasSent) {
  const auto decoded = decode_order(encode(order()));

  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(*decoded, order());
}

TEST(OrderMessage, IsRefusedWhereverItIsCutAndIfMoreFollows) {
  const auto whole = encode(order());

  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(id_of(decode_order(whole.substr(0, size))), ErrorId::Systemd) << size;
  EXPECT_EQ(id_of(decode_order(whole + "x")), ErrorId::Systemd);
}

TEST(OrderMessage, IsRefusedForWhatIsNoScope) {
  for (const auto* name : {"", "runc-c1.service", "../x.scope", "a/b.scope", "a\nb.scope"}) {
    auto wrong = order();
    wrong.scope = name;
    EXPECT_EQ(id_of(decode_order(encode(wrong))), ErrorId::Systemd) << name;
  }
}

TEST(OrderMessage, IsRefusedWithoutNodesAndWithTooMany) {
  auto wrong = order();
  wrong.nodes.clear();
  EXPECT_EQ(id_of(decode_order(encode(wrong))), ErrorId::Systemd);

  wrong.nodes.assign(kMaxNodes, {"/dev/a", {1, 1}});
  EXPECT_TRUE(decode_order(encode(wrong)));
  wrong.nodes.push_back({"/dev/a", {1, 1}});
  EXPECT_EQ(id_of(decode_order(encode(wrong))), ErrorId::Systemd);
}

TEST(AnswerMessage, ArrivesAsItWasSent) {
  for (const auto& answer : {Answer{Outcome::Told, ""}, Answer{Outcome::Unrestricted, ""},
                             Answer{Outcome::Failed, "systemd does not answer"}}) {
    const auto decoded = decode_answer(encode(answer));

    ASSERT_TRUE(decoded) << decoded.error().text();
    EXPECT_EQ(*decoded, answer);
  }
}

TEST(AnswerMessage, ShowsNoControlCharactersAndIsCutWhereItIsTooLong) {
  const auto odd = decode_answer(encode(Answer{Outcome::Failed, "a\n\x1b[31m\xc3\xa4"}));
  const auto wordy = decode_answer(encode(Answer{Outcome::Failed, std::string(5000, 'a')}));

  ASSERT_TRUE(odd && wordy);
  EXPECT_EQ(odd->reason, "a??[31m??");
  EXPECT_EQ(encode(*wordy).size(), kMaxAnswer);
}

TEST(AnswerMessage, IsRefusedIfItIsNone) {
  const auto whole = encode(Answer{Outcome::Failed, "why"});

  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode_answer(whole.substr(0, size))) << size;
  EXPECT_FALSE(decode_answer(whole + "x"));
  EXPECT_FALSE(decode_answer('\3' + whole.substr(1)));
  EXPECT_FALSE(decode_answer(whole + std::string(kMaxAnswer, '\0')));
}

}  // namespace
}  // namespace nvhook::systemd
