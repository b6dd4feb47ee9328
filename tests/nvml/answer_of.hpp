// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <optional>
#include <utility>

#include "nvhook/nvml/watch.hpp"

namespace nvhook::test {

// As a caller's loop of events takes it; nothing where none comes for ten seconds.
inline std::optional<Result<nvml::Answer>> take_in_time(nvml::Watch& watch) {
  for (;;) {
    if (auto answer = watch.take()) return answer;
    pollfd wait{.fd = watch.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 10'000) != 1) return std::nullopt;
  }
}

inline Result<nvml::Answer> answer_of(nvml::Watch& watch, nvml::What what = nvml::What::Status) {
  if (auto asked = watch.ask(what); !asked) return std::unexpected(std::move(asked).error());
  auto answer = take_in_time(watch);
  return answer ? std::move(*answer) : failure(ErrorId::Bug, "nothing comes");
}

// What the program in the place of nvhook-nvml said, or the id of what went wrong.
inline std::string word_of(const Result<nvml::Answer>& answer) {
  return answer ? answer->nvml.driver.value_or("") : answer.error().text();
}

}  // namespace nvhook::test
