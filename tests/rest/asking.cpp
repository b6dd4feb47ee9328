// SPDX-License-Identifier: Apache-2.0
#include "rest/asking.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace nvhook::rest {
namespace {

http::Request request_of(std::string_view target) {
  http::Request request;
  request.path = target.substr(0, target.find('?'));
  if (target.size() > request.path.size()) request.query = target.substr(request.path.size() + 1);
  return request;
}

}  // namespace

Service service_of(Facts facts, Options options) {
  Service service(std::move(options));
  service.take(std::move(facts), Clock::time_point());
  return service;
}

Answer ask(Service& service, std::string_view target, Clock::time_point now) {
  const auto response = service.answer(request_of(target), now);
  if (!response) {
    ADD_FAILURE() << target << " is not answered";
    return {};
  }
  Answer answer{.status = response->status,
                .type = response->content_type,
                .body = response->body ? *response->body : "",
                .headers = {}};
  for (const auto& [name, value] : response->headers) answer.headers[name] = value;
  return answer;
}

Answer ask(Facts facts, std::string_view target) {
  auto service = service_of(std::move(facts));
  return ask(service, target);
}

bool wants_values(Service& service, std::string_view path, Clock::time_point now) {
  return !service.answer(request_of(path), now);
}

}  // namespace nvhook::rest
