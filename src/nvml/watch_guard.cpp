// SPDX-License-Identifier: Apache-2.0
#include "nvml/watch_guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include "nvhook/files/write.hpp"
#include "nvhook/nvml/document.hpp"
#include "nvhook/nvml/watch.hpp"
#include "nvhook/sandbox/confine.hpp"
#include "nvml/hear_out.hpp"

namespace nvhook::nvml {
namespace {

// After the second failure in a row; twice as long after each further one.
constexpr std::chrono::milliseconds kFirstRest{250};
constexpr unsigned kMostDoublings = 6;  // by then it is more than the longest

// The program, while it runs.
struct Running {
  Child child;
  UniqueFd questions;
  UniqueFd answers;
};

class Guard {
 public:
  Guard(const Files& files, int caller, std::chrono::milliseconds deadline, bool confined)
      : files_(files), caller_(caller), deadline_(deadline), confined_(confined) {}

  [[noreturn]] void serve() {
    for (;;) {
      std::array waits = {pollfd{.fd = caller_, .events = POLLIN, .revents = 0},
                          pollfd{.fd = answers(), .events = POLLIN, .revents = 0}};
      if (::poll(waits.data(), waits.size(), -1) < 0) continue;
      if (waits[1].revents != 0) drop();  // it has ended, or speaks without being asked
      if (waits[0].revents != 0 && !files::write_whole(caller_, encode(answer(next())))) leave();
    }
  }

 private:
  [[nodiscard]] int answers() const { return program_ ? program_->answers.get() : -1; }

  void drop() {
    if (program_) (void)program_->child.kill();
    program_.reset();
  }

  [[noreturn]] void leave() {
    drop();
    ::_exit(0);
  }

  Put next() {
    char byte = 0;
    ssize_t got = 0;
    do {
      got = ::read(caller_, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got != 1) leave();
    return put_by(byte);
  }

  Said answer(Put put) {
    if (!confined_) return {.text = {}, .end = Said::End::Status, .number = kNotConfined};
    if (answered_ && put.anew) failed({});
    if (answered_ && !put.anew) failures_ = 0;
    answered_ = false;
    const auto give_up = Clock::now() + deadline_;
    if (!program_ && rests()) return last_;
    if (!program_ && !start())
      return failed({.text = {}, .end = Said::End::Status, .number = kNotExecuted});
    return ask(put.what, give_up);
  }

  // Time has to pass before another is started, or one that was killed has not ended yet.
  [[nodiscard]] bool rests() const {
    pid_t left = 0;
    do {
      left = ::waitpid(-1, nullptr, WNOHANG);
    } while (left > 0);
    return left == 0 || Clock::now() < not_before_;
  }

  bool start() {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0) return false;
    UniqueFd its_in(in[0]);
    UniqueFd questions(in[1]);
    if (::pipe2(out.data(), O_CLOEXEC) != 0) return false;
    UniqueFd answers(out[0]);
    UniqueFd its_out(out[1]);
    const pid_t self = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return false;
    if (pid == 0) {
      auto words = words_with(files_);
      words.emplace_back("--watch");
      become(files_, std::move(words), {.in = its_in.get(), .out = its_out.get()}, self);
    }
    program_.emplace(Child(pid), std::move(questions), std::move(answers));
    return true;
  }

  Said ask(What what, Clock::time_point give_up) {
    // One that has ended meanwhile is found out by what it says.
    const auto line = std::string(line_of(what)) + "\n";
    (void)!::write(program_->questions.get(), line.data(), line.size());
    std::string text;
    const auto heard = hear_line(give_up, text);
    if (heard == Heard::Whole && text.ends_with('\n')) {
      answered_ = true;
      return {.text = std::move(text)};
    }
    auto program = std::exchange(program_, std::nullopt);
    return failed(program->child.conclude(heard, std::move(text), give_up));
  }

  Heard hear_line(Clock::time_point give_up, std::string& text) {
    while (await_answer(give_up)) {
      const auto got = read_more(answers(), text);
      if (got == 0 || (got < 0 && errno != EINTR)) return Heard::Whole;
      if (text.size() > kMaxDocument) return Heard::TooMuch;
      if (text.ends_with('\n')) return Heard::Whole;
    }
    return Heard::Late;
  }

  // As await(), unless the caller goes meanwhile.
  bool await_answer(Clock::time_point give_up) {
    for (;;) {
      std::array waits = {pollfd{.fd = caller_, .events = POLLRDHUP, .revents = 0},
                          pollfd{.fd = answers(), .events = POLLIN, .revents = 0}};
      const int ready = ::poll(waits.data(), waits.size(), milliseconds_to(give_up));
      if (waits[0].revents != 0) leave();
      if (waits[1].revents != 0) return true;
      if (ready <= 0 && Clock::now() >= give_up) return false;
    }
  }

  // Notes it. The program is gone, or is to go. What it has said is no whole answer.
  Said failed(Said said) {
    drop();
    said.text.clear();
    if (const auto doublings = std::min(failures_, kMostDoublings + 1); doublings > 0)
      not_before_ =
          Clock::now() + std::min(kFirstRest * (1U << (doublings - 1)), Watch::kLongestRest);
    ++failures_;
    last_ = std::move(said);
    return last_;
  }

  const Files& files_;
  int caller_;
  std::chrono::milliseconds deadline_;
  bool confined_;
  std::optional<Running> program_;
  bool answered_ = false;  // the last question, as far as we can tell
  unsigned failures_ = 0;  // in a row
  Clock::time_point not_before_;
  Said last_;  // failure
};

// Whatever the caller has made of them.
void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) std::signal(signal, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t none{};
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool have_streams_of_nothing() {
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  return nowhere >= 0 && ::dup2(nowhere, STDIN_FILENO) >= 0 &&
         ::dup2(nowhere, STDOUT_FILENO) >= 0 && ::dup2(nowhere, STDERR_FILENO) >= 0;
}

}  // namespace

void guard_program(const Files& files, int socket, std::chrono::milliseconds deadline,
                   pid_t parent) {
  reset_signals();
  ::setsid();  // what a terminal sends to all of the caller's group is not for us
  ::prctl(PR_SET_NAME, "nvhook-watch", 0, 0, 0);
  const bool confined = sandbox::become_nobody().has_value();
  end_with(parent);  // which the change of users would have undone
  const int nvml = files.nvml.get();
  const std::array ours = {nvml, files.cuda ? files.cuda.get() : nvml, files.program.get(), socket};
  if (!have_streams_of_nothing() || !settle(ours)) ::_exit(kNotExecuted);
  Files settled;
  settled.nvml = UniqueFd(kFirstLibrary);
  if (files.cuda) settled.cuda = UniqueFd(kLastLibrary);
  settled.program = UniqueFd(kLastLibrary + 1);
  Guard(settled, kLastLibrary + 2, deadline, confined).serve();
}

}  // namespace nvhook::nvml
