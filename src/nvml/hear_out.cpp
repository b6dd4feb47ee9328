// SPDX-License-Identifier: Apache-2.0
#include "nvml/hear_out.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace nvhook::nvml {

ssize_t read_more(int pipe, std::string& text) {
  constexpr std::size_t kChunk = 16384;
  ssize_t got = 0;
  text.resize_and_overwrite(text.size() + kChunk, [&, have = text.size()](char* data, auto) {
    got = ::read(pipe, data + have, kChunk);
    return have + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  });
  return got;
}

namespace {

Heard read_to_end(int pipe, std::size_t most, Clock::time_point give_up, std::string& text) {
  while (await(pipe, give_up)) {
    const auto got = read_more(pipe, text);
    if (got == 0 || (got < 0 && errno != EINTR)) return Heard::Whole;
    if (text.size() > most) return Heard::TooMuch;
  }
  return Heard::Late;
}

}  // namespace

Said hear_out(Child child, int pipe, std::size_t most, Clock::time_point give_up) {
  std::string text;
  const auto heard = read_to_end(pipe, most, give_up, text);
  return child.conclude(heard, std::move(text), give_up);
}

}  // namespace nvhook::nvml
