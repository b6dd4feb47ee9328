// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/watch.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "nvhook/nvml/document.hpp"
#include "nvml/judge.hpp"
#include "nvml/program.hpp"
#include "nvml/watch_guard.hpp"

namespace nvhook::nvml {
namespace {

std::unexpected<Error> guard_is_gone() {
  return failure(ErrorId::NvmlCrashed,
                 "the process that keeps nvhook-nvml has ended: somebody has killed it, or there "
                 "was no memory");
}

// What to read of an answer of which this much was heard.
std::size_t missing_of(const std::string& heard) {
  return (heard.size() < kSaidHeader ? kSaidHeader : encoded_size(heard)) - heard.size();
}

}  // namespace

Watch::Watch(Question question, pid_t guard, UniqueFd socket)
    : question_(std::move(question)), guard_(guard), socket_(std::move(socket)) {}

Watch::Watch(Watch&& other) noexcept
    : question_(std::move(other.question_)),
      guard_(std::exchange(other.guard_, -1)),
      socket_(std::move(other.socket_)),
      asked_(other.asked_),
      gone_(other.gone_),
      distrusts_(other.distrusts_),
      heard_(std::move(other.heard_)) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this == &other) return *this;
  end();
  question_ = std::move(other.question_);
  guard_ = std::exchange(other.guard_, -1);
  socket_ = std::move(other.socket_);
  asked_ = other.asked_;
  gone_ = other.gone_;
  distrusts_ = other.distrusts_;
  heard_ = std::move(other.heard_);
  return *this;
}

Watch::~Watch() { end(); }

void Watch::end() {
  socket_ = UniqueFd();  // by which the guard knows
  if (guard_ < 0) return;
  while (::waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) {
  }
  guard_ = -1;
}

Result<Watch> Watch::start(const Question& question) {
  const auto files = open_files(question);
  if (!files) return std::unexpected(files.error());
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_failure(ErrorId::Kernel, "socketpair");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0)
    return system_failure(ErrorId::Kernel, "fcntl");
  const pid_t caller = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure(ErrorId::Kernel, "fork");
  if (pid == 0) {
    try {
      guard_program(*files, theirs.get(), question.deadline, caller);
    } catch (const std::bad_alloc&) {  // not into the frames of whoever asks, in a copy of it
      ::_exit(kOutOfMemory);
    }
  }
  return Watch(question, pid, std::move(ours));
}

Result<void> Watch::ask(What what) {
  if (asked_) return failure(ErrorId::Bug, "NVML is asked before it has answered");
  if (gone_) return guard_is_gone();
  const char byte = byte_of({.what = what, .anew = distrusts_});
  ssize_t written = 0;
  do {
    written = ::write(socket_.get(), &byte, 1);
  } while (written < 0 && errno == EINTR);
  if (written != 1) {
    gone_ = true;
    return guard_is_gone();
  }
  asked_ = true;
  heard_.clear();
  return {};
}

std::optional<Result<Answer>> Watch::take() {
  if (gone_) return std::nullopt;  // that was said
  // Bounded by the answer's own length, and that by kMaxDocument.
  while (const auto missing = missing_of(heard_)) {
    ssize_t got = 0;
    heard_.resize_and_overwrite(heard_.size() + missing,
                                [&, have = heard_.size()](char* data, auto) {
                                  got = ::read(socket_.get(), data + have, missing);
                                  return have + static_cast<std::size_t>(got < 0 ? 0 : got);
                                });
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return std::nullopt;
    if (got <= 0 || !asked_) return give_up();
    if (heard_.size() >= kSaidHeader && encoded_size(heard_) > kSaidHeader + kMaxDocument)
      return give_up();
  }
  auto said = decode(std::exchange(heard_, {}));
  if (!said) return give_up();
  asked_ = false;
  auto answer = judge(question_, std::move(*said));
  distrusts_ = !answer && answer.error().id() == ErrorId::NvmlAnswer;
  return answer;
}

// Whatever it says is of no use any more.
Result<Answer> Watch::give_up() {
  asked_ = false;
  gone_ = true;
  heard_.clear();
  return guard_is_gone();
}

}  // namespace nvhook::nvml
