// SPDX-License-Identifier: Apache-2.0
// Every answer of the original that is on record, asked for again. Those that differ on purpose are
// the last two tests; docs/companion/rest.md has them.
#include <gmock/gmock.h>
#include <zlib.h>

#include <string>
#include <string_view>
#include <vector>

#include "rest/asking.hpp"
#include "rest/recorded.hpp"
#include "rest/samples.hpp"

namespace nvhook::rest {
namespace {

struct Question {
  const char* recorded;
  Facts (*facts)();
  const char* target;
};

const std::vector<Question> kQuestions = {
    {"k40x2-gpu-info", two_gpus, "/gpu/info"},
    {"k40x2-gpu-info-json", two_gpus, "/gpu/info/json"},
    {"k40x2-gpu-status", two_gpus, "/gpu/status"},
    {"k40x2-gpu-status-json", two_gpus, "/gpu/status/json"},
    {"k40x2-docker-cli", two_gpus, "/docker/cli"},
    {"k40x2-docker-cli-json", two_gpus, "/docker/cli/json"},
    {"k40x2-v1.0-gpu-info", two_gpus, "/v1.0/gpu/info"},
    {"k40x2-v1.0-gpu-info-json", two_gpus, "/v1.0/gpu/info/json"},
    {"k40x2-v1.0-gpu-status", two_gpus, "/v1.0/gpu/status"},
    {"k40x2-v1.0-gpu-status-json", two_gpus, "/v1.0/gpu/status/json"},
    {"k40x2-v1.0-docker-cli", two_gpus, "/v1.0/docker/cli"},
    {"k40x2-v1.0-docker-cli-json", two_gpus, "/v1.0/docker/cli/json"},
    {"one-gpu-info", one_gpu, "/gpu/info"},
    {"one-gpu-info-json", one_gpu, "/gpu/info/json"},
    {"one-gpu-status", one_gpu, "/gpu/status"},
    {"one-gpu-status-json", one_gpu, "/gpu/status/json"},
    {"one-docker-cli", one_gpu, "/docker/cli"},
    {"none-head-gpu-info", no_gpu, "/gpu/info"},
    {"none-head-gpu-info-json", no_gpu, "/gpu/info/json"},
    {"none-head-gpu-status", no_gpu, "/gpu/status"},
    {"none-head-gpu-status-json", no_gpu, "/gpu/status/json"},
    {"none-head-docker-cli", no_gpu, "/docker/cli"},
    {"none-head-docker-cli-json", no_gpu, "/docker/cli/json"},
    {"none-head-docker-cli-dev0", no_gpu, "/docker/cli?dev=0"},
    {"cli-dev-0", two_gpus, "/docker/cli?dev=0"},
    {"cli-dev-all", two_gpus, "/docker/cli?dev=all"},
    {"cli-dev-uuid", two_gpus, "/docker/cli?dev=GPU-b7"},
    {"cli-vol", two_gpus, "/docker/cli?vol=nvidia_driver"},
};

void expect_headers(const Answer& answer, const Recorded& due) {
  EXPECT_EQ(answer.status, due.status);
  EXPECT_EQ(answer.type, due.headers.at("Content-Type"));
  for (const auto& [name, value] : due.headers)
    if (name.starts_with("X-")) {
      EXPECT_EQ(answer.headers.at(name), value);
    }
}

TEST(Golden, AnswersAsTheOriginalByteForByte) {
  for (const auto& [name, facts, target] : kQuestions) {
    SCOPED_TRACE(name);
    const auto due = recorded(name);

    const auto answer = ask(facts(), target);

    expect_headers(answer, due);
    EXPECT_EQ(answer.body, due.body);
  }
}

TEST(Golden, SaysOfAnotherMethodThatThereIsNoSuchPage) {
  const auto due = recorded("http-post");
  auto service = service_of(two_gpus());
  http::Request request;
  request.method = http::Method::Post;
  request.path = "/gpu/info";

  const auto answer = service.answer(request, Clock::time_point());

  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, due.status);
  EXPECT_EQ(*answer->body, due.body);
}

// "/" is a page where there is one to show.
TEST(Golden, HasNothingAtTheRootWithoutAPage) {
  const auto due = recorded("http-root");

  const auto answer = ask(two_gpus(), "/");

  expect_headers(answer, due);
  EXPECT_EQ(answer.body, due.body);
}

struct Mesos {
  std::string json;
  std::string resources;
};

std::string bytes_of_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    EXPECT_TRUE(kDigits.contains(c)) << c;
    bits = bits << 6U | static_cast<unsigned>(kDigits.find(c));
    if ((count += 6) >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xffU);
  }
  return bytes;
}

std::string inflated(const std::string& bytes) {
  std::string text(1 << 16U, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit(&stream), Z_OK);
  std::string input = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

Mesos unpacked(std::string_view body) {
  constexpr std::string_view kAttributes = "--attributes=gpus:";
  EXPECT_TRUE(body.starts_with(kAttributes));
  body.remove_prefix(kAttributes.size());
  const auto blank = body.find(' ');
  return {.json = inflated(bytes_of_base64(body.substr(0, blank))),
          .resources = std::string(body.substr(blank))};
}

// The compressed bytes are the compressor's own affair.
TEST(Golden, GivesMesosWhatTheOriginalGave) {
  const std::vector<Question> questions = {
      {"k40x2-mesos-cli", two_gpus, "/mesos/cli"},
      {"k40x2-v1.0-mesos-cli", two_gpus, "/v1.0/mesos/cli"},
      {"one-mesos-cli", one_gpu, "/mesos/cli"},
      {"none-head-mesos-cli", no_gpu, "/mesos/cli"},
  };
  for (const auto& [name, facts, target] : questions) {
    SCOPED_TRACE(name);
    const auto due = recorded(name);

    const auto answer = ask(facts(), target);

    expect_headers(answer, due);
    EXPECT_EQ(unpacked(answer.body).json, unpacked(due.body).json);
    EXPECT_EQ(unpacked(answer.body).json, ask(facts(), "/gpu/info/json").body);
    EXPECT_EQ(unpacked(answer.body).resources, unpacked(due.body).resources);
  }
}

// The original gives devices that are named in any order, another one each time.
TEST(Golden, GivesNamedDevicesInTheOrderOfTheirIndex) {
  auto due = recorded("cli-dev-1+0").body;
  const std::string_view swapped = "--device=/dev/nvidia1 --device=/dev/nvidia0";
  ASSERT_TRUE(due.ends_with(swapped));
  due.replace(due.size() - swapped.size(), swapped.size(),
              "--device=/dev/nvidia0 --device=/dev/nvidia1");

  EXPECT_EQ(ask(two_gpus(), "/docker/cli?dev=1+0").body, due);
}

}  // namespace
}  // namespace nvhook::rest
