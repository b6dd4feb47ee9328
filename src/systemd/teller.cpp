// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/teller.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::systemd {
namespace {

constexpr auto kProgram = "nvhook-systemd";
constexpr int kMaxTries = 64;  // of a call that is interrupted

// /usr/bin/nvhook-systemd of /usr/bin/nvhook; the kernel adds " (deleted)" behind the name.
Result<std::string> path_of_program() {
  std::array<char, kMaxPath + 1> own{};
  const auto size = ::readlink("/proc/self/exe", own.data(), own.size());
  if (size < 0) return system_failure(ErrorId::Systemd, "readlink /proc/self/exe");
  std::string path(own.data(), static_cast<std::size_t>(size));
  path.erase(path.rfind('/') + 1);
  return path + kProgram;
}

Result<UniqueFd> open_program() {
  const auto path = path_of_program();
  if (!path) return std::unexpected(path.error());
  UniqueFd program(::open(path->c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!program || ::fstat(program.get(), &status) != 0)
    return system_failure(ErrorId::Systemd, "open " + quote(*path));
  const bool ours = status.st_uid == 0 || status.st_uid == ::geteuid();
  if (!S_ISREG(status.st_mode) || !ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return failure(ErrorId::Systemd, quote(*path) + " could be somebody else's program");
  return program;
}

// In the new process. What it says on its own behalf has nobody to read it, and a runtime waits for
// whoever holds the streams that it gave us.
[[noreturn]] void become(int program, int socket) {
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere < 0 || ::dup2(socket, STDIN_FILENO) < 0 || ::dup2(nowhere, STDOUT_FILENO) < 0 ||
      ::dup2(nowhere, STDERR_FILENO) < 0)
    ::_exit(1);
  std::string name = kProgram;
  std::array<char*, 2> arguments = {name.data(), nullptr};
  std::array<char*, 1> no_environment = {nullptr};
  ::syscall(SYS_execveat, program, "", arguments.data(), no_environment.data(), AT_EMPTY_PATH);
  ::_exit(1);
}

// One message; empty at the end of all, or if there is none for another reason.
std::string receive(int socket, std::size_t most) {
  std::string message;
  message.resize_and_overwrite(most + 1, [&](char* data, std::size_t) {
    ssize_t got = -1;
    for (int tries = 0; tries < kMaxTries && got < 0; ++tries) {
      got = ::read(socket, data, most + 1);
      if (got < 0 && errno != EINTR) break;
    }
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  });
  return message;
}

}  // namespace

Result<Teller> Teller::start() {
  const auto program = open_program();
  if (!program) return std::unexpected(program.error());
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_failure(ErrorId::Systemd, "socketpair");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure(ErrorId::Systemd, "fork");
  if (pid == 0) become(program->get(), theirs.get());
  return Teller(std::move(ours));
}

Result<void> Teller::give(const Order& order) {
  const auto message = encode(order);
  if (message.size() > kMaxOrder) return failure(ErrorId::Systemd, "too many nodes for one order");
  if (::write(socket_.get(), message.data(), message.size()) !=
      static_cast<ssize_t>(message.size()))
    return system_failure(ErrorId::Systemd, std::string("give an order to ") + kProgram);
  return {};
}

Result<Outcome> Teller::await_answer() {
  const auto said = receive(socket_.get(), kMaxAnswer);
  if (said.empty()) return failure(ErrorId::Systemd, std::string(kProgram) + " gave no answer");
  auto answer = decode_answer(said);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (answer->outcome == Outcome::Failed) return failure(ErrorId::Systemd, answer->reason);
  return answer->outcome;
}

Result<std::optional<Order>> receive_order(int socket) {
  const auto message = receive(socket, kMaxOrder);
  if (message.empty()) return std::nullopt;
  auto order = decode_order(message);
  if (!order) return std::unexpected(std::move(order).error());
  return std::move(*order);
}

bool send_answer(int socket, const Answer& answer) {
  const auto message = encode(answer);
  return ::write(socket, message.data(), message.size()) == static_cast<ssize_t>(message.size());
}

}  // namespace nvhook::systemd
