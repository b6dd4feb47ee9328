// SPDX-License-Identifier: Apache-2.0
#include "nvhook/sandbox/parser_child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include "capabilities.hpp"
#include "filter.hpp"
#include "instrumented.hpp"
#include "nvhook/base/close_from.hpp"

namespace nvhook::sandbox {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxTries = 64;              // of a call that is interrupted
constexpr std::size_t kMaxMessage = 4096;  // of an error that the child reports
constexpr unsigned kMaxSeconds = 2;        // of processor time
constexpr unsigned kMaxMebibytes = 64;

// Both directions speak frames: this header, then `size` bytes.
struct Header {
  std::uint8_t tag;  // to the child: kind of the document; back: 0 record, 1 error
  std::uint8_t error_id;
  std::uint16_t reserved;
  std::uint32_t size;
};
constexpr std::uint8_t kRecord = 0;
constexpr std::uint8_t kError = 1;

// A call on a socket with a deadline is called off when the process is stopped, by a freezer or a
// debugger, and goes on: signal(7).
template <class Call>
ssize_t uninterrupted(const Call& call) {
  for (int tries = 1;; ++tries)
    if (const ssize_t result = call(); result >= 0 || errno != EINTR || tries == kMaxTries)
      return result;
}

// Header and bytes in one go; the rest, should the socket take less, as it takes it.
bool send_frame(int socket, Header header, std::string_view bytes) {
  header.size = static_cast<std::uint32_t>(bytes.size());
  std::array<iovec, 2> parts = {
      iovec{.iov_base = &header, .iov_len = sizeof header},
      iovec{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  auto sent = uninterrupted([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); });
  if (sent < static_cast<ssize_t>(sizeof header)) return false;
  bytes.remove_prefix(static_cast<std::size_t>(sent) - sizeof header);
  while (!bytes.empty()) {
    sent = uninterrupted([&] { return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

struct Frame {
  Header header{};
  std::string bytes;
};

bool receive_whole(int socket, void* into, std::size_t size) {
  std::optional<Clock::time_point> give_up;  // on a rest that comes piece by piece
  for (auto* to = static_cast<char*>(into); size > 0;) {
    const auto got = uninterrupted([&] { return ::recv(socket, to, size, MSG_WAITALL); });
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::size_t>(got);
    if (size == 0) break;
    const auto now = Clock::now();
    if (!give_up) give_up = now + ParserChild::kDeadline;
    if (now > *give_up) return false;
  }
  return true;
}

std::optional<Frame> receive_frame(int socket, std::size_t most) {
  Frame frame;
  if (!receive_whole(socket, &frame.header, sizeof frame.header)) return std::nullopt;
  if (frame.header.size > most) return std::nullopt;
  bool whole = false;
  // The operation may be given more room than was asked for (libstdc++ 12), so it goes by ours.
  const std::size_t size = frame.header.size;
  frame.bytes.resize_and_overwrite(size, [&](char* data, std::size_t) {
    whole = receive_whole(socket, data, size);
    return whole ? size : 0;
  });
  if (!whole) return std::nullopt;
  return frame;
}

// No call on the socket takes longer than the deadline, whatever the other side does.
bool set_deadline(int socket) {
  const timeval most{.tv_sec = ParserChild::kDeadline.count(), .tv_usec = 0};
  return ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most) == 0 &&
         ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) == 0;
}

// Exit statuses of the child that say why it gave up. 0 is an end in order.
constexpr int kOutOfMemory = 1;
constexpr int kNotConfined = 2;

// Whoever started us may have set less already, which nobody without CAP_SYS_RESOURCE can raise.
bool limit(__rlimit_resource resource, rlim_t most) {
  rlimit had{};
  if (::getrlimit(resource, &had) != 0) return false;
  const auto bound = std::min(most, had.rlim_max);
  const rlimit limit{.rlim_cur = bound, .rlim_max = bound};
  return ::setrlimit(resource, &limit) == 0;
}

// The environment and the arguments that nvhook was started with lie on it, too: 6 MiB at most.
// Source: Linux, fs/exec.c, bprm_stack_limits.
constexpr rlim_t kMaxStack = rlim_t{8} << 20U;

constexpr int kSocket = 0;  // where the child keeps its end, in place of standard input

// The address sanitizer maps terabytes, and reads /proc/self/maps for its reports.
bool set_limits() {
  constexpr rlim_t kFiles = kInstrumented ? 64 : 0;
  return limit(RLIMIT_CPU, kMaxSeconds) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) &&
         limit(RLIMIT_NPROC, 0) && limit(RLIMIT_NOFILE, kFiles) &&
         limit(RLIMIT_STACK, kMaxStack) &&
         (kInstrumented || limit(RLIMIT_AS, rlim_t{kMaxMebibytes} << 20U));
}

// From here on the child has its socket, standard error and memory, and neither a privilege nor a
// system call to gain anything else with.
bool shed_everything_but(int socket) {
  return ::dup2(socket, kSocket) == kSocket && ::close(STDOUT_FILENO) == 0 &&
         close_from(STDERR_FILENO + 1) && ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
         bequeath_no_capabilities() && hold_capabilities(0, 0) &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && set_limits() && load(Filter::Parser);
}

// Whether the answer went out.
bool reply(const Handler& handler, const Document& document) {
  auto record = handler(document.kind, document.text);
  Header header{.tag = kRecord, .error_id = 0, .reserved = 0, .size = 0};
  if (record) return send_frame(kSocket, header, *record);
  header.tag = kError;
  header.error_id = std::to_underlying(record.error().id());
  return send_frame(kSocket, header, record.error().message().substr(0, kMaxMessage));
}

[[noreturn]] void serve(int socket, const Handler& handler, std::span<const Document> documents) {
  if (!shed_everything_but(socket)) ::_exit(kNotConfined);
  for (const auto& document : documents)
    if (!reply(handler, document)) ::_exit(0);
  while (const auto frame = receive_frame(kSocket, ParserChild::kMaxDocument))
    if (!reply(handler, {.kind = frame->header.tag, .text = frame->bytes})) break;
  ::_exit(0);
}

std::string mebibytes() { return std::to_string(kMaxMebibytes) + " MiB"; }

// What the child's end, as wait(2) tells it, says about the document.
std::unexpected<Error> no_answer(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotConfined)
    return failure(ErrorId::Kernel,
                   "the parser's process could not give up its privileges, and was given nothing");
  if (WIFEXITED(status) && WEXITSTATUS(status) == kOutOfMemory)
    return failure(ErrorId::StateLimit, "parsing the document needs more than " + mebibytes());
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
    return failure(ErrorId::StateLimit,
                   "the parser was stopped when it made a system call that parsing does not need: "
                   "the document may be an attack");
  if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
    return failure(ErrorId::StateLimit, "the parser was ended by signal " +
                                            std::to_string(WTERMSIG(status)) +
                                            ": the document may be an attack");
  return failure(ErrorId::StateLimit, "the parser gave no usable answer within 2 s");
}

}  // namespace

Result<ParserChild> ParserChild::start(const Handler& handler,
                                       std::span<const Document> documents) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_failure(ErrorId::Kernel, "socketpair");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  if (!set_deadline(ours.get())) return system_failure(ErrorId::Kernel, "setsockopt");
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure(ErrorId::Kernel, "fork");
  if (pid == 0) {
    try {
      serve(theirs.get(), handler, documents);
    } catch (...) {
      ::_exit(kOutOfMemory);  // the parent hears the socket close
    }
  }
  return ParserChild(pid, std::move(ours));
}

void ParserChild::dismiss() { socket_ = UniqueFd(); }

ParserChild::ParserChild(ParserChild&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}

ParserChild& ParserChild::operator=(ParserChild&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(socket_, other.socket_);
  return *this;
}

ParserChild::~ParserChild() { end(); }

int ParserChild::end() {
  if (pid_ < 0) return 0;
  dismiss();
  ::kill(pid_, SIGKILL);  // it may be deep in a document; our own child, not reaped yet
  int status = 0;
  for (int tries = 0; tries < kMaxTries; ++tries)
    if (::waitpid(pid_, &status, 0) >= 0 || errno != EINTR) break;
  pid_ = -1;
  return status;
}

void ParserChild::ask(const Document& document) {
  const Header header{.tag = document.kind, .error_id = 0, .reserved = 0, .size = 0};
  if (document.text.size() > kMaxDocument || !send_frame(socket_.get(), header, document.text))
    dismiss();
}

Result<std::string> ParserChild::answer() {
  auto answer = socket_ ? receive_frame(socket_.get(), kMaxRecord) : std::nullopt;
  if (!answer) return no_answer(end());
  if (answer->header.tag == kRecord) return std::move(answer->bytes);
  const auto known = answer->header.error_id < all_errors().size();
  std::ranges::replace_if(
      answer->bytes, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return failure(known ? static_cast<ErrorId>(answer->header.error_id) : ErrorId::Bug,
                 answer->bytes.substr(0, kMaxMessage));
}

}  // namespace nvhook::sandbox
