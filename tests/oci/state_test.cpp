// SPDX-License-Identifier: Apache-2.0
#include "nvhook/oci/state.hpp"

#include <gmock/gmock.h>

#include "nvhook/oci/outline.hpp"

namespace nvhook::oci {
namespace {

using ::testing::HasSubstr;

// A state with one member more, or with another value for one.
std::string state_with(std::string_view member) {
  return R"({"id":"c1","status":"creating","bundle":"/b",)" + std::string(member) + "}";
}

ErrorId id_of(const Result<State>& state) { return state ? ErrorId{} : state.error().id(); }

TEST(State, IsReadAsRuncWritesIt) {
  const auto state =
      parse_state(R"({"ociVersion":"1.0.2-dev","id":"hk1","status":"creating","pid":14770,)"
                  R"("bundle":"/w/b-hooks","annotations":{"com.example.key":"v1"}})");

  ASSERT_TRUE(state) << state.error().text();
  EXPECT_EQ(*state, (State{.id = "hk1",
                           .status = "creating",
                           .pid = 14770,
                           .bundle = "/w/b-hooks",
                           .root = std::nullopt}));
}

TEST(State, IsReadAsCrunWritesIt) {
  const auto state = parse_state(
      R"({"ociVersion":"1.0","id":"hk2","pid":15983,"root":"/w/bb","bundle":"/w/b-hooks",)"
      R"("status":"created","annotations":{"com.example.key":"v1"}})");

  ASSERT_TRUE(state) << state.error().text();
  EXPECT_EQ(*state, (State{.id = "hk2",
                           .status = "created",
                           .pid = 15983,
                           .bundle = "/w/b-hooks",
                           .root = "/w/bb"}));
}

TEST(State, OfOldRuncHasABundlePathAndMayLackTheStatus) {
  const auto state = parse_state(R"({"ociVersion":"1.0.0-rc2","id":"c","pid":7,"root":"",)"
                                 R"("bundlePath":"/b"})");

  ASSERT_TRUE(state) << state.error().text();
  EXPECT_EQ(state->bundle, "/b");
  EXPECT_EQ(state->status, "");
  EXPECT_EQ(state->root, std::nullopt);
}

TEST(State, OfAStoppedContainerHasNoPid) {
  for (const auto* pid : {"", R"(,"pid":0)", R"(,"pid":4711)"}) {
    const auto state =
        parse_state(R"({"id":"c","status":"stopped","bundle":"/b")" + std::string(pid) + "}");
    ASSERT_TRUE(state) << state.error().text();
    EXPECT_EQ(state->pid, std::nullopt);
  }
}

TEST(State, RefusesAPidThatIsNoContainerSeenFromTheHost) {
  for (const auto* pid : {"0", "-0", "-1", "1", "2147483648", "4294967300", "99999999999999999999",
                          "\"123\"", "1.5", "1e3", "null", "true", "[7]", "{}"})
    EXPECT_EQ(id_of(parse_state(state_with("\"pid\":" + std::string(pid)))), ErrorId::Pid) << pid;
  EXPECT_EQ(id_of(parse_state(state_with(R"("x":1)"))), ErrorId::Pid);
  EXPECT_EQ(id_of(parse_state(R"({"id":"c","status":"stopped","bundle":"/b","pid":1})")),
            ErrorId::Pid);
}

TEST(State, TellsWhichHooksWorkWhenThePidIsThatOfACreateContainerHook) {
  for (const auto* pid : {"0", "1"}) {
    const auto state = parse_state(state_with("\"pid\":" + std::string(pid)));
    ASSERT_FALSE(state);
    EXPECT_THAT(state.error().text(), HasSubstr("prestart or createRuntime"));
  }
}

TEST(State, NamesTheFieldThatIsMissingOrWrong) {
  const struct {
    std::string_view json, expected;
  } cases[] = {
      {R"({"id":1})", "state: id: is an integer, a string is due"},
      {R"({"id":"c","bundle":["/b"]})", "state: bundle: is an array, a string is due"},
      {R"({"id":"c","pid":7})", "state: bundle: is missing or empty"},
      {R"({"id":"c","pid":7,"bundle":null})", "state: bundle: is missing or empty"},
      {R"({"id":"c","pid":7,"bundle":"b"})", "state: bundle: \"b\" is not an absolute path"},
      {R"({"bundle":"/b","pid":7})", "state: id: is missing or empty"},
      {R"({"id":"c","pid":7,"bundle":"/b","root":{}})", "state: root: is an object"},
      {R"(["id"])", "state: is an array, an object is due"},
      {R"({"PID":7})", "state: PID: the key differs from \"pid\" only by case"},
  };
  for (const auto& test : cases) {
    const auto state = parse_state(test.json);
    ASSERT_FALSE(state) << test.json;
    EXPECT_EQ(state.error().id(), ErrorId::StateField) << test.json;
    EXPECT_THAT(state.error().message(), HasSubstr(test.expected));
  }
}

TEST(State, RefusesABundleLongerThanAPath) {
  const auto bundle = [](std::size_t size) {
    return R"({"id":"c","pid":7,"bundle":"/)" + std::string(size - 1, 'b') + "\"}";
  };

  EXPECT_TRUE(parse_state(bundle(4095)));
  EXPECT_EQ(id_of(parse_state(bundle(4096))), ErrorId::StateField);
}

TEST(State, SkipsWhatItDoesNotKnow) {
  EXPECT_TRUE(parse_state(
      state_with(R"("pid":7,"annotations":{"pid":"x","PID":1,"a":[1,{"pid":null}]},"n":-0)")));
}

TEST(State, RefusesARepeatedKeyAnywhere) {
  for (const auto* member :
       {R"("pid":7,"pid":7)", R"("pid":7,"p\u0069d":8)", R"("pid":7,"annotations":{"a":1,"a":2})",
        R"("pid":7,"x":[{"":0,"":0}])"})
    EXPECT_EQ(id_of(parse_state(state_with(member))), ErrorId::StateParse) << member;
}

TEST(State, NamesThePlaceOfARepeatedKey) {
  const auto state = parse_state(state_with(R"("annotations":{"a":[0,{"x":{"k":1,"k":2}}]})"));

  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message(), HasSubstr(R"(annotations.a[1].x: key "k" occurs twice)"));
}

TEST(State, AllowsOneKeyInSeveralObjects) {
  EXPECT_TRUE(parse_state(state_with(R"("pid":7,"a":{"x":1},"b":{"x":1,"y":{"x":1}})")));
}

TEST(State, RefusesWhatIsNotStrictlyJson) {
  const auto good = state_with(R"("pid":7)");
  ASSERT_TRUE(parse_state(" \r\n\t" + good + "\n"));
  for (const std::string& text : {std::string(),
                                  std::string("{"),
                                  std::string("nul"),
                                  good + "x",
                                  good + good,
                                  good + ",",
                                  "\xEF\xBB\xBF" + good,
                                  good + std::string(1, '\0'),
                                  good + std::string("\0x", 2),
                                  state_with(R"("pid":7,)"),
                                  state_with(R"("pid":007)"),
                                  state_with(R"("pid":+7)"),
                                  state_with(R"("pid":7,"a":NaN)"),
                                  state_with(R"("pid":7,"a":1E400)"),
                                  state_with(R"("pid":7,"a":1.)"),
                                  state_with(R"("pid":7,/*a*/"a":1)"),
                                  state_with("\"pid\":7,\"a\":\"\xC0\xAF\""),
                                  state_with("\"pid\":7,\"a\":\"\xff\""),
                                  state_with(R"("pid":7,"a":"\ud800")"),
                                  state_with(R"("pid":7,"a":"\udc00")"),
                                  state_with("\"pid\":7,\"a\":\"\n\""),
                                  state_with(R"("pid":7,"a":"\x")"),
                                  state_with(R"("pid":7,"a":'b')")})
    EXPECT_EQ(id_of(parse_state(text)), ErrorId::StateParse) << text;
}

TEST(State, RefusesANulInAnyString) {
  for (const auto* member : {R"("pid":7,"a":"x\u0000")", R"("pid":7,"\u0000":1)"})
    EXPECT_EQ(id_of(parse_state(state_with(member))), ErrorId::StateParse) << member;
}

std::string nested(std::size_t depth, std::string_view open, std::string_view close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += "0";
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(State, RefusesDeepNestingAtOnce) {
  const auto state = [](std::size_t depth, std::string_view open, std::string_view close) {
    return parse_state(state_with("\"pid\":7,\"a\":" + nested(depth - 1, open, close)));
  };

  EXPECT_TRUE(state(64, "[", "]"));
  EXPECT_TRUE(state(64, "{\"a\":", "}"));
  EXPECT_EQ(id_of(state(65, "[", "]")), ErrorId::StateLimit);
  EXPECT_EQ(id_of(state(65, "{\"a\":", "}")), ErrorId::StateLimit);
  EXPECT_EQ(id_of(parse_state(std::string(1'000'000, '['))), ErrorId::StateField);
  EXPECT_EQ(id_of(parse_state("{\"a\":" + std::string(1'000'000, '['))), ErrorId::StateLimit);
}

TEST(State, KeepsTheLimitsOfStringsAndCounts) {
  constexpr std::size_t kLongest = std::size_t{256} << 10U;
  const auto with_string = [](std::size_t size) {
    return state_with("\"pid\":7,\"a\":\"" + std::string(size, 'x') + '"');
  };
  const auto with_key = [](std::size_t size) {
    return state_with("\"pid\":7,\"" + std::string(size, 'x') + "\":1");
  };
  const auto with_elements = [](std::size_t count) {
    std::string list = "0";
    for (std::size_t i = 1; i < count; ++i) list += ",0";
    return state_with("\"pid\":7,\"a\":[" + list + "]");
  };
  const auto with_keys = [](std::size_t count) {
    std::string members = "\"0\":0";
    for (std::size_t i = 1; i < count; ++i) members += ",\"" + std::to_string(i) + "\":0";
    return state_with("\"pid\":7,\"a\":{" + members + "}");
  };

  EXPECT_TRUE(parse_state(with_string(kLongest)));
  EXPECT_EQ(id_of(parse_state(with_string(kLongest + 1))), ErrorId::StateLimit);
  EXPECT_TRUE(parse_state(with_key(kLongest)));
  EXPECT_EQ(id_of(parse_state(with_key(kLongest + 1))), ErrorId::StateLimit);
  EXPECT_TRUE(parse_state(with_elements(65'536)));
  EXPECT_EQ(id_of(parse_state(with_elements(65'537))), ErrorId::StateLimit);
  EXPECT_TRUE(parse_state(with_keys(65'536)));
  EXPECT_EQ(id_of(parse_state(with_keys(65'537))), ErrorId::StateLimit);
}

TEST(State, IsOneMebibyteAtMost) {
  const auto good = state_with(R"("pid":7)");

  EXPECT_TRUE(parse_state(good + std::string(kMaxStateBytes - good.size(), ' ')));
  EXPECT_EQ(id_of(parse_state(good + std::string(kMaxStateBytes + 1 - good.size(), ' '))),
            ErrorId::StateLimit);
}

TEST(State, QuotesHostileTextInMessages) {
  const auto state = parse_state(state_with("\"pid\":7,\"\\u001b[31m\":{\"a\":0,\"a\":0}"));

  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().message().find('\x1b'), std::string::npos);
  EXPECT_THAT(state.error().message(), HasSubstr(R"("\x1b[31m")"));
}

}  // namespace
}  // namespace nvhook::oci
