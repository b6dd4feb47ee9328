// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <utility>

#include "rest/asking.hpp"
#include "rest/exposition.hpp"
#include "rest/samples.hpp"
#include "rest/strict_exposition.hpp"

namespace nvhook::rest {
namespace {

using namespace std::chrono_literals;
using ::testing::ContainerEq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Labels = std::map<std::string, std::string>;

Exposed exposed(Service& service, Clock::time_point now = Clock::time_point()) {
  auto read = read_exposition(ask(service, "/metrics", now).body);
  EXPECT_THAT(read.complaints, IsEmpty());
  return read;
}

Exposed exposed(Facts facts) {
  auto service = service_of(std::move(facts));
  return exposed(service);
}

// Of the series that has these labels, among others.
double value_of(const Exposed& exposed, const std::string& family, const Labels& wanted = {}) {
  const auto found = exposed.families.find(family);
  if (found != exposed.families.end())
    for (const auto& series : found->second.series)
      if (std::ranges::includes(series.labels, wanted)) return series.value;
  ADD_FAILURE() << family << " has no such series";
  return -1;
}

TEST(Metrics, AreInPrometheusFormOfEveryHost) {
  for (const auto facts : {two_gpus, one_gpu, no_gpu, silent_gpus, lost_gpu}) exposed(facts());

  EXPECT_EQ(ask(two_gpus(), "/metrics").type, "text/plain; version=0.0.4; charset=utf-8");
}

TEST(Metrics, AreInUnitsWithoutPrefix) {
  const auto metrics = exposed(two_gpus());
  const Labels busy = {{"gpu", "1"}, {"uuid", "GPU-b7d8e9fa-1c2d-4e3f-9a0b-abcdef012345"}};
  const auto with = [&busy](const std::string& name, const std::string& value) {
    auto labels = busy;
    labels[name] = value;
    return labels;
  };

  EXPECT_EQ(value_of(metrics, "nvidia_gpus"), 2);
  EXPECT_EQ(value_of(metrics, "nvidia_driver_info", {{"version", "361.48"}, {"cuda", "8.0"}}), 1);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_info", with("model", "Tesla K40m")), 1);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_up", busy), 1);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_utilization_ratio", busy), 0.97);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_memory_utilization_ratio", busy), 0.42);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_memory_total_bytes", busy), 12079136768);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_memory_used_bytes", busy), 3429892096);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_temperature_celsius", busy), 61);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_power_watts", busy), 149.872);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_power_limit_watts", busy), 235);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_clock_hertz", with("clock", "sm")), 745e6);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_clock_max_hertz", with("clock", "memory")), 3004e6);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_ecc_uncorrected_errors_total", with("memory", "device")),
            2);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_pcie_receive_bytes_per_second", busy), 1250500e3);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_pcie_transmit_bytes_per_second", busy), 87999e3);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_compute_processes", busy), 2);
}

TEST(Metrics, LeaveOutWhatTheDriverDoesNotSay) {
  const auto metrics = exposed(silent_gpus());

  EXPECT_FALSE(metrics.families.contains("nvidia_gpu_power_watts"));
  EXPECT_EQ(metrics.families.at("nvidia_gpu_up").series.size(), 2U);
  EXPECT_EQ(exposed(two_gpus()).families.at("nvidia_gpu_memory_free_bytes").series.size(), 1U);
}

TEST(Metrics, SayThatAGpuIsLost) {
  const auto metrics = exposed(lost_gpu());

  EXPECT_EQ(value_of(metrics, "nvidia_gpu_up", {{"gpu", "0"}}), 1);
  EXPECT_EQ(value_of(metrics, "nvidia_gpu_up", {{"gpu", "1"}}), 0);
}

TEST(Metrics, NameNoProcess) {
  EXPECT_THAT(ask(two_gpus(), "/metrics").body, Not(HasSubstr("python")));
  EXPECT_THAT(ask(two_gpus(), "/metrics").body, Not(HasSubstr("4242")));
}

TEST(Metrics, SayThatNvmlDoesNotAnswer) {
  Service service{Options()};
  service.fail(Error(ErrorId::NvmlCrashed, ""), Clock::time_point());

  EXPECT_EQ(ask(service, "/metrics").status, 200);
  const auto metrics = exposed(service);
  EXPECT_EQ(value_of(metrics, "nvhook_nvml_up"), 0);
  EXPECT_EQ(value_of(metrics, "nvhook_nvml_failures_total"), 1);
  EXPECT_FALSE(metrics.families.contains("nvhook_values_age_seconds"));
  EXPECT_FALSE(metrics.families.contains("nvidia_gpus"));
}

TEST(Metrics, CountRequestsByPathAndStatus) {
  const std::array page = {page::Asset{"/", "text/html", ""}};
  auto service = service_of(two_gpus(), {.assets = page});
  for (const auto* target : {"/gpu/info", "/v1.0/gpu/info", "/docker/cli?dev=7", "/docker/cli",
                             "/nowhere", "/elsewhere", "/", "/metrics"})
    EXPECT_GE(ask(service, target).status, 200);

  const auto metrics = exposed(service, Clock::time_point() + 250ms);

  const auto requests = [&metrics](const std::string& path, const std::string& code) {
    return value_of(metrics, "nvhook_http_requests_total", {{"path", path}, {"code", code}});
  };
  EXPECT_EQ(requests("/gpu/info", "200"), 2);
  EXPECT_EQ(requests("/docker/cli", "200"), 1);
  EXPECT_EQ(requests("/docker/cli", "400"), 1);
  EXPECT_EQ(requests("other", "404"), 2);
  EXPECT_EQ(requests("page", "200"), 1);
  EXPECT_EQ(requests("/metrics", "200"), 1);
  EXPECT_EQ(value_of(metrics, "nvhook_values_age_seconds"), 0.25);
  EXPECT_EQ(value_of(metrics, "nvhook_nvml_answers_total"), 1);
  EXPECT_EQ(value_of(metrics, "nvhook_nvml_up"), 1);
}

TEST(Metrics, HaveWhatTheServerCounts) {
  auto service = service_of(one_gpu());
  EXPECT_FALSE(exposed(service).families.contains("nvhook_http_connections_total"));

  service.set_counters(
      {.accepted = 5, .evicted = 1, .timed_out = 2, .turned_away = 3, .requests = 4, .refused = 6});

  const auto metrics = exposed(service);
  EXPECT_EQ(value_of(metrics, "nvhook_http_connections_total"), 5);
  EXPECT_EQ(value_of(metrics, "nvhook_http_connections_evicted_total"), 1);
  EXPECT_EQ(value_of(metrics, "nvhook_http_connections_timed_out_total"), 2);
  EXPECT_EQ(value_of(metrics, "nvhook_http_connections_turned_away_total"), 3);
  EXPECT_EQ(value_of(metrics, "nvhook_http_requests_refused_total"), 6);
}

TEST(Metrics, AreAllExplained) {
  auto facts = two_gpus();
  for (auto& gpu : facts.nvml.gpus) {
    gpu.status->clock_graphics_mhz = 1;
    gpu.status->clock_video_mhz = 1;
  }
  auto service = service_of(facts);
  service.set_counters({});
  EXPECT_EQ(ask(service, "/gpu/info").status, 200);
  std::set<std::string> shown;
  for (const auto& [name, family] : exposed(service).families) shown.insert(name);

  std::set<std::string> explained;
  std::ifstream page(NVHOOK_SOURCE_DIR "/docs/companion/rest.md");
  const std::regex row("\\| `((nvhook|nvidia)_[a-z0-9_]+)`.*");
  for (std::string line; std::getline(page, line);)
    if (std::smatch match; std::regex_match(line, match, row)) explained.insert(match[1]);

  EXPECT_THAT(explained, ContainerEq(shown));
}

TEST(Exposition, EscapesLabels) {
  Exposition page;
  page.family("a", Kind::Gauge, "Help.");
  page.sample(std::array{Label{"b", "\"\\\n\xff\xc3\xa9"}}, 1.5);

  const auto text = std::move(page).take();

  EXPECT_EQ(text, "# HELP a Help.\n# TYPE a gauge\na{b=\"\\\"\\\\\\n\xef\xbf\xbd\xc3\xa9\"} 1.5\n");
  const auto read = read_exposition(text);
  EXPECT_THAT(read.complaints, IsEmpty());
  EXPECT_EQ(read.families.at("a").series[0].labels.at("b"), "\"\\\n\xef\xbf\xbd\xc3\xa9");
}

TEST(Exposition, WritesNumbersWithoutExponents) {
  Exposition page;
  page.family("a", Kind::Counter, "Help.");
  page.sample({}, 16e9);
  page.sample({}, 0);
  page.sample({}, 1e-3);
  page.sample({}, 18446744073709551615.0);

  EXPECT_THAT(std::move(page).take(),
              HasSubstr("\na 16000000000\na 0\na 0.001\na 18446744073709551616\n"));
}

// The reader itself: each of these is wrong.
TEST(StrictExposition, SeesWhatIsWrong) {
  const std::string head = "# HELP a Help.\n# TYPE a gauge\n";
  for (const auto& text : {
           std::string(),
           std::string("\n"),
           head,
           head + "a 1",
           head + "a 1\n\n",
           head + "b 1\n",
           head + "a{} 1\n",
           head + "a{b=\"1\",} 1\n",
           head + "a{b=\"1\" } 1\n",
           head + "a{b=1} 1\n",
           head + "a{b=\"\"\"} 1\n",
           head + "a{b=\"\\x\"} 1\n",
           head + "a{b=\"1\",b=\"2\"} 1\n",
           head + "a{b=\"1\"} 1\na{b=\"1\"} 2\n",
           head + "a{b=\"1\"} 1\na{c=\"1\"} 2\n",
           head + "a  1\n",
           head + "a 1 \n",
           head + "a NaN\n",
           head + "a 1\n" + head + "a 1\n",
           head + "a_total 1\n",
           std::string("# TYPE a gauge\na 1\n"),
           std::string("# HELP a Help.\na 1\n"),
           std::string("# HELP a Help\n# TYPE a gauge\na 1\n"),
           std::string("# HELP a Help.\n# TYPE a counter\na 1\n"),
           std::string("# HELP a_total Help.\n# TYPE a_total gauge\na_total 1\n"),
           std::string("# HELP a Help.\n# TYPE a histogram\na 1\n"),
       })
    EXPECT_THAT(read_exposition(text).complaints, Not(IsEmpty())) << text;
  EXPECT_THAT(read_exposition(head + "a{b=\"1\"} 1\na{b=\"2\"} 0.5\n").complaints, IsEmpty());
}

}  // namespace
}  // namespace nvhook::rest
