// SPDX-License-Identifier: Apache-2.0
#include "interruption.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <string>

namespace nvhook::apply {
namespace {

// Whose default is to end a process, and which are sent by others or by a timer. SIGPIPE and
// SIGXFSZ are ignored all the time. Source: signal(7).
constexpr std::array kEnding = {SIGHUP,  SIGINT,  SIGQUIT,   SIGTERM, SIGALRM, SIGUSR1,
                                SIGUSR2, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR};
// What the kernel sends for our own faults: it does not wait with those.
constexpr std::array kFaults = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};

}  // namespace

void hold_back_signals() {
  sigset_t all{};
  ::sigfillset(&all);
  for (const int fault : kFaults) ::sigdelset(&all, fault);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
}

Result<void> not_interrupted() {
  sigset_t pending{};
  ::sigpending(&pending);
  for (const int signal : kEnding)
    if (::sigismember(&pending, signal) == 1)
      return failure(ErrorId::Interrupted, "interrupted by signal " + std::to_string(signal) +
                                               " (" + ::sigdescr_np(signal) +
                                               "): everything made has been taken away again");
  return {};
}

}  // namespace nvhook::apply
