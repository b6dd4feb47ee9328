// SPDX-License-Identifier: Apache-2.0
// usage: rest-answers
//
// Prints what the API answers of several hosts, and to wrong queries, as JSON: for
// tests/docs/openapi_matches_the_api.py.
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "rest/asking.hpp"
#include "rest/samples.hpp"

namespace {

using namespace nvhook::rest;
using Json = nlohmann::json;

Json answer_to(Service& service, std::string_view host, std::string_view target) {
  const auto answer = ask(service, target);
  return {{"host", host},        {"path", target.substr(0, target.find('?'))},
          {"target", target},    {"status", answer.status},
          {"type", answer.type}, {"headers", answer.headers},
          {"body", answer.body}};
}

}  // namespace

int main() try {
  auto answers = Json::array();
  const auto print_all = [&answers](std::string_view host, Service service) {
    for (const auto path : all_paths()) answers.push_back(answer_to(service, host, path));
    for (const auto* query : {"?dev=0", "?dev=7", "?vol=disk", "?dev=a%0a%1b", "?dev=GPU-a1+1"})
      for (const auto* path : {"/docker/cli", "/docker/cli/json"})
        answers.push_back(answer_to(service, host, std::string(path) + query));
  };
  print_all("two", service_of(two_gpus()));
  print_all("one", service_of(one_gpu()));
  print_all("none", service_of(no_gpu()));
  print_all("silent", service_of(silent_gpus()));
  print_all("lost", service_of(lost_gpu()));
  print_all("nothing", service_of(Facts()));
  Service failed{Options()};
  failed.fail(nvhook::Error(nvhook::ErrorId::NvmlTimeout, ""), Clock::time_point());
  print_all("failed", std::move(failed));
  std::cout << Json{{"paths", all_paths()}, {"answers", answers}}.dump() << "\n";
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
