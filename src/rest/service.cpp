// SPDX-License-Identifier: Apache-2.0
#include "nvhook/rest/service.hpp"

#include <map>
#include <utility>

#include "rest/metrics.hpp"
#include "rest/openapi.hpp"
#include "rest/rendered.hpp"
#include "rest/routes.hpp"

namespace nvhook::rest {
namespace {

constexpr auto kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

using std::chrono::milliseconds;

// "0.412"
std::string seconds(milliseconds time) {
  auto fraction = std::to_string(1000 + time.count() % 1000);
  fraction.front() = '.';
  return std::to_string(time.count() / 1000) + fraction;
}

http::Response answer_of(const page::Asset& asset, const std::string& policy) {
  auto answer = http::response(200, std::string(asset.type), std::string(asset.body));
  if (asset.type.starts_with("text/html"))
    answer.headers.push_back({"Content-Security-Policy", policy});
  return answer;
}

}  // namespace

class Service::Inside {
 public:
  explicit Inside(Options options) : options_(std::move(options)) {
    for (const auto& asset : options_.assets)
      assets_.emplace(asset.path, answer_of(asset, options_.content_policy));
    options_.assets = {};  // the caller's, and copied
  }

  std::optional<http::Response> answer(const http::Request& request, Clock::time_point now) {
    if (request.method == http::Method::Post) return counted("other", http::not_found());
    if (const auto asset = assets_.find(request.path); asset != assets_.end())
      return counted("page", asset->second);
    const auto route = find_route(request.path);
    if (!route) return counted("other", http::not_found());
    if (route->page == Page::OpenApi) return counted(route->name, openapi_);
    if (failure_ && now - failure_->at <= kFailureHolds)
      return counted(route->name, answer_without_values(route->page));
    if (!values_ || now - values_->taken() > kMaxAge) return std::nullopt;
    return counted(route->name, answer_of_values(*route, request.query, now));
  }

  [[nodiscard]] bool needs_everything() const { return !values_; }

  void take(Facts facts, Clock::time_point now) {
    if (facts.nvml.error) return fail(Error(ErrorId::NvmlFailed, "NVML has an error"), now);
    values_.emplace(std::move(facts), options_.processes, options_.say, now);
    succeeded();
  }

  bool take_status(const Facts& facts, Clock::time_point now) {
    if (!values_ || !values_->take_status(facts, now)) {
      values_.reset();
      return false;
    }
    succeeded();
    return true;
  }

  void fail(const Error& why, Clock::time_point now) {
    values_.reset();
    ++counted_.failures;
    failure_ = {.at = now, .id = why.id()};
  }

  void set_counters(const http::Counters& counters) { counted_.server = counters; }

 private:
  struct NvmlFailure {
    Clock::time_point at;
    ErrorId id;
  };

  void succeeded() {
    failure_.reset();
    ++counted_.answers;
  }

  http::Response counted(std::string_view name, http::Response answer) {
    ++counted_.requests[{name, answer.status}];
    return answer;
  }

  [[nodiscard]] http::Response answer_without_values(Page page) const {
    if (page == Page::Metrics)
      return http::response(200, kMetricsType, own_metrics(counted_, std::nullopt));
    if (page == Page::Health)
      return http::text_response(
          503, "NVML does not answer: " + std::string(name_of(failure_->id)) + "\n");
    return http::internal_error();
  }

  http::Response answer_of_values(const Route& route, std::string_view query,
                                  Clock::time_point now) {
    const auto age = std::chrono::duration_cast<milliseconds>(now - values_->taken());
    const bool is_docker = route.page == Page::DockerCli || route.page == Page::DockerCliJson;
    auto answer = is_docker && !query.empty() ? values_->docker(route.page, query)
                                              : values_->page(route.page);
    if (route.page == Page::Metrics)
      answer = http::response(200, kMetricsType, *answer.body + own_metrics(counted_, age));
    answer.headers.push_back({std::string(kAgeHeader), seconds(age)});
    return answer;
  }

  Options options_;
  std::map<std::string, http::Response, std::less<>> assets_;
  http::Response openapi_ = http::response(200, "application/json", std::string(kOpenApi));
  std::optional<Rendered> values_;
  std::optional<NvmlFailure> failure_;
  Counted counted_;
};

Service::Service(Options options) : inside_(std::make_unique<Inside>(std::move(options))) {}
Service::Service(Service&&) noexcept = default;
Service& Service::operator=(Service&&) noexcept = default;
Service::~Service() = default;

std::optional<http::Response> Service::answer(const http::Request& request, Clock::time_point now) {
  return inside_->answer(request, now);
}
bool Service::needs_everything() const { return inside_->needs_everything(); }
void Service::take(Facts facts, Clock::time_point now) { inside_->take(std::move(facts), now); }
bool Service::take_status(const Facts& facts, Clock::time_point now) {
  return inside_->take_status(facts, now);
}
void Service::fail(const Error& why, Clock::time_point now) { inside_->fail(why, now); }
void Service::set_counters(const http::Counters& counters) { inside_->set_counters(counters); }

}  // namespace nvhook::rest
