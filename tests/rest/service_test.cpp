// SPDX-License-Identifier: Apache-2.0
#include "nvhook/rest/service.hpp"

#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "rest/asking.hpp"
#include "rest/samples.hpp"

namespace nvhook::rest {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kStart = Clock::time_point();
const Error kTimeout(ErrorId::NvmlTimeout, "NVML did not answer within 20 s");

TEST(Service, WantsValuesBeforeItAnswersOfThem) {
  Service service{Options()};

  for (const auto path : all_paths())
    EXPECT_EQ(wants_values(service, path, kStart), path != "/v1.0/openapi.json") << path;
}

TEST(Service, AnswersEveryPathThatItNames) {
  auto service = service_of(two_gpus());

  for (const auto path : all_paths()) EXPECT_EQ(ask(service, path).status, 200) << path;
}

TEST(Service, AnswersAlikeWithAndWithoutThePrefix) {
  auto service = service_of(two_gpus());

  for (const auto path : all_paths())
    if (path.starts_with("/v1.0/") && path != "/v1.0/openapi.json") {
      EXPECT_EQ(ask(service, path).body, ask(service, path.substr(5)).body);
    }
}

TEST(Service, HasNoPathThatIsNotExplained) {
  std::ifstream file(NVHOOK_SOURCE_DIR "/docs/companion/rest.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});

  // Those that are there with the prefix and without stand there once, with it.
  for (const auto path : all_paths()) {
    const auto known = "| `" + std::string(path) + "` | ";
    EXPECT_TRUE(page.contains(known) || page.contains("| `/v1.0" + std::string(path) + "` | yes |"))
        << path;
  }
}

TEST(Service, KnowsExactPathsOnly) {
  auto service = service_of(two_gpus());

  for (const auto* path : {"/",
                           "/gpu",
                           "/gpu/info/",
                           "//gpu/info",
                           "/GPU/info",
                           "/gpu/info/json/",
                           "/gpu/../gpu/info",
                           "/gpu/%69nfo",
                           "/gpu/info%00",
                           "/v1",
                           "/v1.0",
                           "/v1.0/",
                           "/v1/gpu/info",
                           "/v1.1/gpu/info",
                           "/v1.0/v1.0/gpu/info",
                           "/v1.0/metrics",
                           "/v1.0/healthz",
                           "/openapi.json",
                           "/mesos/cli/json",
                           "/v1.0//gpu/info",
                           "/gpu/info;x",
                           "/VolumeDriver.Create",
                           "*",
                           ""}) {
    const auto answer = ask(service, path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(answer.body, "404 page not found\n");
    EXPECT_EQ(answer.headers.at("X-Content-Type-Options"), "nosniff");
  }
}

TEST(Service, WantsNewValuesAfterASecond) {
  auto service = service_of(two_gpus());

  EXPECT_FALSE(wants_values(service, "/gpu/status", kStart + 1000ms));
  EXPECT_TRUE(wants_values(service, "/gpu/status", kStart + 1001ms));

  service.take(one_gpu(), kStart + 1300ms);
  EXPECT_EQ(ask(service, "/gpu/status", kStart + 1300ms).body, ask(one_gpu(), "/gpu/status").body);
}

TEST(Service, SaysHowOldItsValuesAre) {
  auto service = service_of(two_gpus());

  EXPECT_EQ(ask(service, "/gpu/info").headers.at("X-Nvhook-Age"), "0.000");
  EXPECT_EQ(ask(service, "/gpu/status/json", kStart + 7ms).headers.at("X-Nvhook-Age"), "0.007");
  EXPECT_EQ(ask(service, "/docker/cli?dev=0", kStart + 412ms).headers.at("X-Nvhook-Age"), "0.412");
  EXPECT_EQ(ask(service, "/metrics", kStart + 1s).headers.at("X-Nvhook-Age"), "1.000");
}

TEST(Service, MakesABodyOnceForAllThatAskForIt) {
  auto service = service_of(two_gpus());
  for (const std::string_view path : {"/gpu/status/json", "/docker/cli", "/mesos/cli"}) {
    http::Request request;
    request.path = path;

    const auto first = service.answer(request, kStart);
    const auto second = service.answer(request, kStart + 900ms);

    EXPECT_EQ(first->body.get(), second->body.get());
  }
}

TEST(Service, AnswersAFailureOnce) {
  Service service{Options()};
  service.fail(kTimeout, kStart);

  const auto answer = ask(service, "/gpu/status");

  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "internal error, check logs for details\n");
  EXPECT_FALSE(wants_values(service, "/gpu/status", kStart + 100ms));
  EXPECT_TRUE(wants_values(service, "/gpu/status", kStart + 101ms));
}

TEST(Service, AnswersAgainOnceNvmlDoes) {
  Service service{Options()};
  service.fail(kTimeout, kStart);
  service.take(two_gpus(), kStart + 1ms);

  EXPECT_EQ(ask(service, "/gpu/status", kStart + 1ms).status, 200);
}

TEST(Service, ForgetsValuesWhenNvmlFails) {
  auto service = service_of(two_gpus());
  service.fail(kTimeout, kStart + 1ms);

  EXPECT_EQ(ask(service, "/gpu/info", kStart + 1ms).status, 500);
  EXPECT_TRUE(wants_values(service, "/gpu/info", kStart + 200ms));
  EXPECT_TRUE(service.needs_everything());
}

TEST(Service, TakesWhatNvmlSaysOfItselfForAFailure) {
  Facts facts;
  facts.nvml.error = {
      .call = "nvmlInit_v2", .code = 9, .name = "DRIVER_NOT_LOADED", .text = "Driver Not Loaded"};

  EXPECT_EQ(ask(facts, "/gpu/info").status, 500);
  EXPECT_EQ(ask(facts, "/docker/cli").status, 500);
  EXPECT_EQ(ask(facts, "/healthz").body, "NVML does not answer: E_NVML_FAILED\n");
}

TEST(Service, HasAHealthOfItsOwn) {
  auto service = service_of(two_gpus());
  EXPECT_EQ(ask(service, "/healthz").status, 200);
  EXPECT_EQ(ask(service, "/healthz").body, "ok\n");

  service.fail(kTimeout, kStart);
  EXPECT_EQ(ask(service, "/healthz").status, 503);
  EXPECT_EQ(ask(service, "/healthz").body, "NVML does not answer: E_NVML_TIMEOUT\n");
}

TEST(Service, AnswersHeadAsGet) {
  auto service = service_of(two_gpus());
  http::Request request;
  request.path = "/gpu/info";
  request.method = http::Method::Head;

  EXPECT_EQ(service.answer(request, kStart)->status, 200);
}

// ---- what changes

Facts later_facts() {
  auto facts = two_gpus();
  for (auto& gpu : facts.nvml.gpus) {
    gpu.hardware.reset();
    gpu.links.reset();
    gpu.cuda.reset();
    gpu.status->temperature_c = 77;
  }
  return facts;
}

TEST(Service, TakesWhatChangesAlone) {
  auto service = service_of(two_gpus());
  const auto info = ask(service, "/gpu/info").body;
  EXPECT_FALSE(service.needs_everything());
  EXPECT_THAT(ask(service, "/gpu/status").body, Not(HasSubstr("77 °C")));

  ASSERT_TRUE(service.take_status(later_facts(), kStart + 5s));

  EXPECT_THAT(ask(service, "/gpu/status", kStart + 5s).body, HasSubstr("77 °C"));
  EXPECT_THAT(ask(service, "/gpu/status", kStart + 5s).body, HasSubstr("20 / 235 W"));
  EXPECT_THAT(ask(service, "/gpu/status/json", kStart + 5s).body, HasSubstr("77"));
  EXPECT_THAT(ask(service, "/metrics", kStart + 5s).body, HasSubstr("\"} 77\n"));
  EXPECT_EQ(ask(service, "/gpu/info", kStart + 5s).body, info);
  EXPECT_EQ(ask(service, "/gpu/info", kStart + 5s).headers.at("X-Nvhook-Age"), "0.000");
}

TEST(Service, TakesANodeThatHasComeOrGone) {
  auto service = service_of(two_gpus());
  EXPECT_THAT(ask(service, "/docker/cli").body, HasSubstr("uvm-tools"));
  auto later = later_facts();
  later.uvm_tools = false;

  ASSERT_TRUE(service.take_status(later, kStart + 1s));

  EXPECT_THAT(ask(service, "/docker/cli", kStart + 1s).body, Not(HasSubstr("uvm-tools")));
}

TEST(Service, NeedsEverythingOfAnotherHost) {
  const std::vector<void (*)(Facts&)> changes = {
      [](Facts& facts) { facts.nvml.driver = "550.54.14"; },
      [](Facts& facts) { facts.nvml.gpus.pop_back(); },
      [](Facts& facts) { facts.nvml.gpus[0].uuid = "GPU-other"; },
      [](Facts& facts) { facts.nvml.gpus[0].uuid.reset(); },
      [](Facts& facts) { facts.nvml.gpus[0].minor = 5; },
      [](Facts& facts) { facts.nvml.gpus[0].bus = "0000:0b:00.0"; },
      [](Facts& facts) { std::swap(facts.nvml.gpus[0], facts.nvml.gpus[1]); },
      [](Facts& facts) { facts.nvml.error.emplace(); },
  };
  for (const auto change : changes) {
    auto service = service_of(two_gpus());
    auto facts = later_facts();
    change(facts);

    EXPECT_FALSE(service.take_status(facts, kStart + 1ms));

    EXPECT_TRUE(service.needs_everything());
    EXPECT_TRUE(wants_values(service, "/gpu/info", kStart + 1ms));
  }
}

// Its module may be loaded when the first container wants it.
TEST(Service, NeedsEverythingAgainWhereCudaSaidNothing) {
  auto without = two_gpus();
  for (auto& gpu : without.nvml.gpus) gpu.cuda.reset();
  auto service = service_of(without);

  EXPECT_TRUE(service.take_status(later_facts(), kStart + kCudaAgain - 1s));
  EXPECT_FALSE(service.take_status(later_facts(), kStart + kCudaAgain));
  EXPECT_TRUE(service.needs_everything());

  service.take(two_gpus(), kStart + kCudaAgain);
  EXPECT_TRUE(service.take_status(later_facts(), kStart + 3 * kCudaAgain)) << "all is known";
}

TEST(Service, NeedsEverythingFirst) {
  Service service{Options()};

  EXPECT_TRUE(service.needs_everything());
  EXPECT_FALSE(service.take_status(two_gpus(), kStart));
  EXPECT_TRUE(service.needs_everything());
}

// ---- assets

TEST(Service, AnswersAssetsWithoutValues) {
  const std::array files = {page::Asset{"/", "text/html; charset=utf-8", "<!doctype html>"},
                            page::Asset{"/page.js", "text/javascript; charset=utf-8", "1"}};
  Service service({.assets = files});

  const auto page = ask(service, "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.type, "text/html; charset=utf-8");
  EXPECT_EQ(page.body, "<!doctype html>");
  EXPECT_THAT(page.headers.at("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(ask(service, "/page.js").body, "1");
  EXPECT_FALSE(ask(service, "/page.js").headers.contains("Content-Security-Policy"));
  EXPECT_EQ(ask(service, "/page.css").status, 404);
}

}  // namespace
}  // namespace nvhook::rest
