// SPDX-License-Identifier: Apache-2.0
#include "journal.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "nvhook/base/quote.hpp"

namespace nvhook {
namespace {

// Nobody may hold up a container's start by not reading what we say.
constexpr int kPatienceMs = 1000;

// What a pipe takes at once or not at all: whoever asked whether it is ready would wait for more.
constexpr std::size_t kMaxLine = PIPE_BUF;

// False if nobody reads there. `line` ends with a newline.
bool write_line(int fd, std::string_view line) noexcept {
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  if (::poll(&ready, 1, kPatienceMs) != 1) return false;
  // One write, so that lines of several hooks do not mix; nobody is left to tell of a failure.
  [[maybe_unused]] const auto written = ::write(fd, line.data(), line.size());
  return true;
}

// "2026-01-31T12:34:56.789012Z". Not by gmtime_r(3), which opens /etc/localtime all the same: in
// the container's mount namespace no path is looked up.
std::string now_utc() {
  using namespace std::chrono;
  const auto now = floor<microseconds>(system_clock::now());
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss time(now - day);
  std::array<char, 32> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", int{date.year()},
      unsigned{date.month()}, unsigned{date.day()}, static_cast<int>(time.hours().count()),
      static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
      static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::int64_t micros_of_this_process() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

UniqueFd Journal::open(const std::string& path) {
  constexpr int kFlags =
      O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  UniqueFd fd(::open(path.c_str(), kFlags, 0600));
  if (!fd) {
    const std::error_code code(errno, std::system_category());
    warning({WarningId::Log, "cannot write " + quote(path) + ": " + code.message()});
  }
  return fd;
}

void Journal::open_log(const std::string& path) { log_ = open(path); }

void Journal::open_debug(const std::string& path) { debug_ = open(path); }

void Journal::message(std::string_view level, std::string_view id, const std::string& text) {
  say("nvhook: " + text);
  if (!log_) return;
  const nlohmann::ordered_json line = {
      {"time", now_utc()}, {"level", level}, {"id", id}, {"container", container_}, {"text", text}};
  if (!write_line(log_.get(),
                  line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"))
    log_ = UniqueFd();
}

void Journal::say(std::string line) {
  if (unheard_) return;
  constexpr std::string_view kCut = "...\n";
  if (line.size() < kMaxLine)
    line += '\n';
  else
    line.replace(kMaxLine - kCut.size(), line.npos, kCut);
  unheard_ = !write_line(STDERR_FILENO, line);
}

void Journal::error(const Error& error) { message("error", name_of(error.id()), error.text()); }

void Journal::out_of_memory() noexcept {
  if (!unheard_) unheard_ = !write_line(STDERR_FILENO, "nvhook: E_KERNEL: out of memory\n");
}

void Journal::warning(const Warning& warning) {
  const auto id = name_of(warning.id);
  message("warning", id, std::string(id) + ": " + warning.text);
}

void Journal::step(std::string_view text) {
  if (!debug_) return;
  if (!write_line(debug_.get(), now_utc() + " cpu " + std::to_string(micros_of_this_process()) +
                                    " us  " + std::string(text) + "\n"))
    debug_ = UniqueFd();
}

}  // namespace nvhook
