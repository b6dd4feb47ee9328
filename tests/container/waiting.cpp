// SPDX-License-Identifier: Apache-2.0
#include "container/waiting.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace nvhook::test {

Waiting::Waiting(const std::function<bool()>& prepare) : pid_(::fork()) {
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!prepare()) ::_exit(1);
    for (;;) ::raise(SIGSTOP);
  }
  int status = 0;
  if (::waitpid(pid_, &status, WUNTRACED) == pid_ && WIFSTOPPED(status)) return;
  std::perror("the child could not prepare itself");
  std::abort();
}

Waiting::~Waiting() { end(); }

void Waiting::end() {
  if (reaped_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  reaped_ = true;
}

void Waiting::end_as_zombie() const {
  ::kill(pid_, SIGKILL);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
}

}  // namespace nvhook::test
