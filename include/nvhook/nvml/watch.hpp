// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/nvml/ask.hpp"
#include "nvhook/nvml/what.hpp"

namespace nvhook::nvml {

// nvhook-nvml, kept running to be asked time and again, for programs that wait in a loop of events.
//
// A guard process keeps it, which is nobody as it is itself: starts it with the first question,
// kills it, with all that it started, when it exceeds a question's deadline or says more than
// kMaxDocument, and starts it anew with the next one. So a hang or a crash costs one answer. After
// several in a row it lets time pass before it starts another (kLongestRest at most); a question
// that comes sooner is answered with what went wrong last. Libraries and program are the files that
// were there at the start, whatever has taken their names since.
//
// The guard and the program end with this object, and with the process that started it.
class Watch {
 public:
  // Forks the guard: the calling process must be single-threaded, and ignore SIGPIPE. The guard
  // holds none of the caller's descriptors. Of the question counts all but `status` and `topology`.
  // Fails with
  //   E_NVML_ABSENT   the program or a library is not there, or could be somebody else's
  //   E_KERNEL        the guard could not be started
  [[nodiscard]] static Result<Watch> start(const Question& question);

  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;
  // Waits for the guard, which takes a moment: close(2), wait4(2).
  ~Watch();

  // All that follows makes no system call but read(2) and write(2) on this descriptor, and does not
  // wait. When it can be read, take() is due.
  [[nodiscard]] int fd() const { return socket_.get(); }

  // Puts a question; one at a time: none before the answer to the one before was taken (E_BUG).
  // Fails with E_NVML_CRASHED if the guard is gone.
  [[nodiscard]] Result<void> ask(What what);

  // Whether an answer is due.
  [[nodiscard]] bool asked() const { return asked_; }

  // The answer, once all of it has come, or how it failed, as nvml::ask(); the next question may be
  // put in either case. E_NVML_CRASHED as well, once and even if nothing was asked, if the guard is
  // gone.
  [[nodiscard]] std::optional<Result<Answer>> take();

  // Whether the guard is known to have ended, by somebody else's hand: nothing comes any more, the
  // descriptor stays readable, and only a new Watch helps.
  [[nodiscard]] bool gone() const { return gone_; }

  static constexpr std::chrono::milliseconds kLongestRest{10'000};

 private:
  Watch(Question question, pid_t guard, UniqueFd socket);
  void end();
  Result<Answer> give_up();

  Question question_;  // for what is said of failures
  pid_t guard_ = -1;
  UniqueFd socket_;
  bool asked_ = false;
  bool gone_ = false;
  bool distrusts_ = false;  // the last answer was none: the program is to be started anew
  std::string heard_;       // of the answer
};

}  // namespace nvhook::nvml
