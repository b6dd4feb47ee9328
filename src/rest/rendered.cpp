// SPDX-License-Identifier: Apache-2.0
#include "rest/rendered.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "rest/metrics.hpp"
#include "rest/print.hpp"

namespace nvhook::rest {
namespace {

constexpr auto kJson = "application/json";

bool are_same(const nvml::Gpu& a, const nvml::Gpu& b) {
  return a.uuid == b.uuid && a.minor == b.minor && a.bus == b.bus;
}

bool is_made_of_status(Page page) {
  return page != Page::Info && page != Page::InfoJson && page != Page::MesosCli;
}

}  // namespace

Rendered::Rendered(Facts facts, Processes processes, Say say, Clock::time_point now)
    : facts_(std::move(facts)),
      processes_(processes),
      say_(std::move(say)),
      begun_(now),
      taken_(now),
      info_(info_of(facts_)),
      status_(status_of(facts_.nvml, processes_)) {}

// Without CUDA, which may not have worked yet, it is so for a while only.
bool Rendered::is_complete(Clock::time_point now) const {
  const auto& gpus = facts_.nvml.gpus;
  return now - begun_ < kCudaAgain || gpus.empty() ||
         std::ranges::any_of(gpus, [](const nvml::Gpu& gpu) { return gpu.cuda.has_value(); });
}

bool Rendered::take_status(const Facts& facts, Clock::time_point now) {
  if (facts.nvml.error || facts.nvml.driver != facts_.nvml.driver ||
      !std::ranges::equal(facts.nvml.gpus, facts_.nvml.gpus, are_same) || !is_complete(now))
    return false;
  for (std::size_t i = 0; i < facts.nvml.gpus.size(); ++i) {
    facts_.nvml.gpus[i].status = facts.nvml.gpus[i].status;
    facts_.nvml.gpus[i].error = facts.nvml.gpus[i].error;
  }
  facts_.uvm_tools = facts.uvm_tools;
  status_ = status_of(facts_.nvml, processes_);
  taken_ = now;
  said_ = false;
  for (std::size_t i = 0; i < kPages; ++i)
    if (is_made_of_status(static_cast<Page>(i))) pages_[i].reset();
  return true;
}

const http::Response& Rendered::page(Page page) {
  auto& kept = pages_[static_cast<std::size_t>(page)];
  if (!kept) kept = render(page);
  return *kept;
}

http::Response Rendered::docker(Page page, std::string_view query) {
  const auto arguments = docker_arguments(facts_, query);
  if (!arguments) return refused(arguments.error());
  return page == Page::DockerCliJson ? http::response(200, kJson, docker_json(*arguments))
                                     : http::text_response(200, docker_text(*arguments));
}

http::Response Rendered::render(Page page) {
  switch (page) {
    case Page::Info:
      return http::text_response(200, info_text(info_));
    case Page::InfoJson:
      return http::response(200, kJson, info_json(info_));
    case Page::Status:
      return http::text_response(200, status_text(status_, info_));
    case Page::StatusJson:
      return http::response(200, kJson, status_json(status_));
    case Page::DockerCli:
    case Page::DockerCliJson:
      return docker(page, "");
    case Page::MesosCli: {
      const auto text = mesos_text(info_, *this->page(Page::InfoJson).body);
      return text ? http::text_response(200, *text) : refused(text.error());
    }
    case Page::Metrics:
      return http::text_response(200, gpu_metrics(facts_));
    case Page::Health:
      return http::text_response(200, "ok\n");
    case Page::OpenApi:
      break;
  }
  std::abort();  // it is made of no values
}

http::Response Rendered::refused(const std::variant<Refusal, Failure>& why) {
  if (const auto* failure = std::get_if<Failure>(&why)) {
    if (say_ && !std::exchange(said_, true)) say_(failure->why);
    return http::internal_error();
  }
  auto answer = http::text_response(400, std::get<Refusal>(why) + "\n");
  answer.headers.push_back({"X-Content-Type-Options", "nosniff"});
  return answer;
}

}  // namespace nvhook::rest
