// SPDX-License-Identifier: Apache-2.0
#include "volumes_process.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "nvhook/http/server.hpp"
#include "nvhook/sandbox/confine.hpp"
#include "nvhook/volumes/plugin.hpp"
#include "serving.hpp"

namespace nvhook::companion {
namespace {

// Copying a driver to a slow disk takes its time, and Docker waits.
constexpr std::chrono::minutes kPatience{10};

http::Rules rules() {
  http::Rules rules;
  rules.get = false;
  rules.post = true;
  rules.any_host = true;
  if (::geteuid() == 0) rules.only_user = 0;  // dockerd's
  rules.max_body = volumes::kMaxBody;
  rules.answer_timeout = kPatience;
  return rules;
}

}  // namespace

int serve_volumes(Channel channel, const Setup& setup, const Log& log) {
  auto store = volumes::Store::open({.path = setup.store, .links = setup.links});
  if (!store) {
    log.error(store.error());
    return kFailed;
  }
  volumes::Plugin plugin(
      std::move(*store), [&setup] { return volumes::look(setup.where); },
      [&log](std::string_view text) { log.say(text); });
  auto server = http::Server::start(
      std::move(channel.listening), rules(),
      [&plugin](const http::Request& request, http::Ticket) -> std::optional<http::Response> {
        return plugin.answer(request);
      });
  if (!server) {
    log.error(server.error());
    return kFailed;
  }
  if (auto confined = sandbox::confine_to_volumes(); !confined) {
    log.error(confined.error());
    return kFailed;
  }
  say_ready(channel);
  const std::array<int, 1> descriptors = {channel.parent.get()};
  while (!is_readable(channel.parent.get())) {
    wait_for(descriptors, *server);
    server->run();
  }
  finish(*server, {}, [] {});
  return kFinished;
}

}  // namespace nvhook::companion
