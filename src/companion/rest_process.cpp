// SPDX-License-Identifier: Apache-2.0
#include "rest_process.hpp"

#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host.hpp"
#include "nvhook/http/server.hpp"
#include "nvhook/nvml/watch.hpp"
#include "nvhook/page/assets.hpp"
#include "nvhook/rest/service.hpp"
#include "nvhook/sandbox/confine.hpp"
#include "serving.hpp"

namespace nvhook::companion {
namespace {

// Where the driver's libraries were missing at the start: how often requests make us look again.
constexpr std::chrono::seconds kBetweenLooks{2};

http::Rules rules_of(const Setup& setup) {
  http::Rules rules;
  const auto& address = setup.endpoint.address;
  // As long as NVML may take: a late answer is better than none.
  rules.answer_timeout = setup.nvml_deadline + std::chrono::seconds(2);
  rules.hosts.insert(rules.hosts.end(), setup.allowed_hosts.begin(), setup.allowed_hosts.end());
  if (address.loopback) {
    rules.hosts.push_back(address.six ? "[" + address.host + "]" : address.host);
    return rules;
  }
  // Others on the network know this host by its addresses and its name, or as it was written.
  const auto& written = setup.endpoint.shown;
  if (const auto name = written.substr(0, written.rfind(':')); config::is_host_name(name))
    rules.hosts.push_back(name);
  rules.any_address = true;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0 && config::is_host_name(name.data()))
    rules.hosts.emplace_back(name.data());
  return rules;
}

rest::Options options_of(const Setup& setup, const Log& log) {
  rest::Options options;
  options.processes = setup.processes ? rest::Processes::Shown : rest::Processes::Hidden;
  options.assets = page::assets();
  options.say = [&log](const std::string& text) { log.say(text); };
  return options;
}

// A request that is answered when the next values are here.
struct Waiting {
  http::Ticket ticket = 0;
  http::Method method = http::Method::Get;
  std::string path, query, accept;

  [[nodiscard]] http::Request request() const {
    return {.method = method, .path = path, .query = query, .accept = accept, .body = {}};
  }
};

class RestProcess {
 public:
  RestProcess(const Setup& setup, const Log& log)
      : setup_(setup), log_(log), service_(options_of(setup, log)) {}

  int run(Channel channel);

 private:
  std::optional<http::Response> answer(const http::Request& request, http::Ticket ticket);
  void start_watch();
  void ask();
  void hear();
  void fail(const Error& why);
  void answer_all();
  [[nodiscard]] bool is_another_driver(Clock::time_point now);
  void step(std::span<const int> descriptors);

  const Setup& setup_;
  const Log& log_;
  rest::Service service_;
  std::optional<http::Server> server_;
  std::optional<nvml::Watch> watch_;
  std::optional<Error> absent_;  // why there is no watch
  std::string trouble_;          // what went wrong last; empty: nothing since
  std::optional<Fingerprint> fingerprint_;
  std::optional<Clock::time_point> looked_;  // for libraries that were missing, last
  std::vector<Waiting> waiting_;
  bool start_anew_ = false;
};

void RestProcess::fail(const Error& why) {
  if (why.message() != trouble_) log_.error(why);  // once, however many ask
  trouble_ = why.message();
  service_.fail(why, Clock::now());
  answer_all();
}

void RestProcess::start_watch() {
  auto question = question_of(setup_.where);
  if (question) {
    question->program = setup_.probe;
    question->deadline = setup_.nvml_deadline;
    auto watch = nvml::Watch::start(*question);
    if (watch) {
      watch_ = std::move(*watch);
      return;
    }
    question = std::unexpected(std::move(watch).error());
  } else {
    looked_ = Clock::now();
  }
  absent_ = std::move(question).error();
}

void RestProcess::ask() {
  if (!watch_) return fail(*absent_);
  if (watch_->asked()) return;
  const auto what = service_.needs_everything() ? nvml::What::Everything : nvml::What::Status;
  const auto asked = watch_->ask(what);
  if (asked) return;
  start_anew_ = true;  // nobody keeps nvhook-nvml any more
  fail(asked.error());
}

void RestProcess::hear() {
  if (!watch_) return;
  auto taken = watch_->take();
  if (!taken) return;
  if (!*taken) {
    if (watch_->gone()) start_anew_ = true;  // nobody keeps nvhook-nvml any more
    return fail(taken->error());
  }
  trouble_.clear();
  const auto now = Clock::now();
  auto facts = facts_of(std::move((*taken)->nvml), setup_.where);
  if (service_.needs_everything())
    service_.take(std::move(facts), now);
  else if (!service_.take_status(facts, now))
    return ask();  // for everything: these are other GPUs
  answer_all();
}

void RestProcess::answer_all() {
  const auto now = Clock::now();
  for (const auto& each : std::exchange(waiting_, {})) {
    auto response = service_.answer(each.request(), now);
    server_->answer(each.ticket, response ? std::move(*response) : http::internal_error());
  }
}

bool RestProcess::is_another_driver(Clock::time_point now) {
  if (fingerprint_->changed(now)) {
    log_.say("The driver has changed, or its GPUs have: it is looked at anew");
    return true;
  }
  if (!looked_ || now - *looked_ < kBetweenLooks) return false;
  looked_ = now;
  return question_of(setup_.where).has_value();
}

std::optional<http::Response> RestProcess::answer(const http::Request& request,
                                                  http::Ticket ticket) {
  const auto now = Clock::now();
  if (start_anew_ || is_another_driver(now)) {
    start_anew_ = true;
    auto response = http::text_response(503, "the driver is looked at anew, ask again\n");
    response.headers.push_back({"Retry-After", "1"});
    return response;
  }
  auto response = service_.answer(request, now);
  if (response) return response;
  waiting_.push_back({.ticket = ticket,
                      .method = request.method,
                      .path = std::string(request.path),
                      .query = std::string(request.query),
                      .accept = std::string(request.accept)});
  return {};
}

void RestProcess::step(std::span<const int> descriptors) {
  wait_for(descriptors, *server_);
  service_.set_counters(server_->counters());
  hear();
  server_->run();
  if (!waiting_.empty()) ask();
}

int RestProcess::run(Channel channel) {
  start_watch();
  auto server = http::Server::start(std::move(channel.listening), rules_of(setup_),
                                    [this](const http::Request& request, http::Ticket ticket) {
                                      return answer(request, ticket);
                                    });
  if (!server) {
    log_.error(server.error());
    return kFailed;
  }
  server_ = std::move(*server);
  if (auto confined = sandbox::confine_to_rest(); !confined) {
    log_.error(confined.error());
    return kFailed;
  }
  fingerprint_.emplace(setup_.where);
  if (watch_) ask();  // the first look takes NVML longest, and nobody waits yet
  say_ready(channel);
  const std::array<int, 2> descriptors = {channel.parent.get(), watch_ ? watch_->fd() : -1};
  while (!start_anew_ && !is_readable(channel.parent.get())) step(descriptors);
  // What waits for values still gets them.
  finish(*server_, std::span(descriptors).last(1), [this] {
    hear();
    if (!waiting_.empty()) ask();
  });
  return start_anew_ ? kStartAnew : kFinished;
}

}  // namespace

int serve_rest(Channel channel, const Setup& setup, const Log& log) {
  return RestProcess(setup, log).run(std::move(channel));
}

}  // namespace nvhook::companion
