// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/ask.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <new>
#include <utility>

#include "nvhook/files/write.hpp"
#include "nvhook/nvml/document.hpp"
#include "nvhook/sandbox/confine.hpp"
#include "nvml/hear_out.hpp"
#include "nvml/judge.hpp"
#include "nvml/program.hpp"

namespace nvhook::nvml {
namespace {

// Beyond the deadline, until what the guard has to tell is due.
constexpr std::chrono::milliseconds kPatienceWithGuard{1000};

std::vector<std::string> words_of(const Question& question, const Files& files) {
  auto words = words_with(files);
  if (question.status) words.emplace_back("--status");
  if (question.topology) words.emplace_back("--topology");
  return words;
}

// The process in between, which is nobody as well: a process of root's that has given up its
// capabilities may not kill one of another user. It tells its parent how the program has ended.
[[noreturn]] void guard(const Files& files, const std::vector<std::string>& words, int to,
                        Clock::time_point give_up, pid_t parent) {
  if (!sandbox::become_nobody()) ::_exit(kNotConfined);
  end_with(parent);  // which the change of users would have undone
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) ::_exit(kNotExecuted);
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) ::_exit(kNotExecuted);
  if (pid == 0) become(files, words, {.out = ends[1]}, self);
  ::close(ends[1]);
  const auto said = encode(hear_out(Child(pid), ends[0], kMaxDocument, give_up));
  ::_exit(files::write_whole(to, said) ? 0 : kNotExecuted);
}

// What the guard has told, and if it has told nothing, how it has ended itself.
Said told_by(Said guard) {
  if (guard.end != Said::End::Status || guard.number != 0) return guard;
  auto told = decode(guard.text);
  return told ? std::move(*told) : std::move(guard);
}

}  // namespace

Result<Answer> ask(const Question& question) {
  const auto give_up = Clock::now() + question.deadline;
  const auto files = open_files(question);
  if (!files) return std::unexpected(files.error());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure(ErrorId::Kernel, "pipe2");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t caller = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure(ErrorId::Kernel, "fork");
  if (pid == 0) {
    try {
      guard(*files, words_of(question, *files), theirs.get(), give_up, caller);
    } catch (const std::bad_alloc&) {  // not into the frames of whoever asks, in a copy of it
      ::_exit(kOutOfMemory);
    }
  }
  theirs = UniqueFd();
  return judge(question, told_by(hear_out(Child(pid), ours.get(), kMaxDocument * 2,
                                          give_up + kPatienceWithGuard)));
}

}  // namespace nvhook::nvml
