// SPDX-License-Identifier: Apache-2.0
#include "nvhook/sandbox/parser_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

namespace nvhook::sandbox {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxMessage = 4096;  // of an error that the child reports

// Both directions speak frames: this header, then `size` bytes.
struct Header {
  std::uint8_t tag;  // to the child: kind of the document; back: 0 record, 1 error
  std::uint8_t error_id;
  std::uint16_t reserved;
  std::uint32_t size;
};
constexpr std::uint8_t kRecord = 0;
constexpr std::uint8_t kError = 1;

// Moves all of the bytes with send or recv; false on end of file, error or deadline.
template <class Move>
bool move_all(int socket, std::size_t size, short event, Clock::time_point deadline,
              const Move& move) {
  for (std::size_t done = 0; done < size;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() < 0) return false;
    pollfd wait{.fd = socket, .events = event, .revents = 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const auto moved = move(done);
    if (moved < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (moved <= 0) return false;
    done += static_cast<std::size_t>(moved);
  }
  return true;
}

bool send_all(int socket, std::string_view bytes, Clock::time_point deadline) {
  return move_all(socket, bytes.size(), POLLOUT, deadline, [&](std::size_t done) {
    return ::send(socket, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
  });
}

bool receive_all(int socket, void* into, std::size_t size, Clock::time_point deadline) {
  return move_all(socket, size, POLLIN, deadline, [&](std::size_t done) {
    return ::recv(socket, static_cast<char*>(into) + done, size - done, MSG_DONTWAIT);
  });
}

bool send_frame(int socket, Header header, std::string_view bytes, Clock::time_point deadline) {
  header.size = static_cast<std::uint32_t>(bytes.size());
  const std::string_view start(reinterpret_cast<const char*>(&header), sizeof header);
  return send_all(socket, start, deadline) && send_all(socket, bytes, deadline);
}

struct Frame {
  Header header{};
  std::string bytes;
};

std::optional<Frame> receive_frame(int socket, Clock::time_point deadline) {
  Frame frame;
  if (!receive_all(socket, &frame.header, sizeof frame.header, deadline)) return std::nullopt;
  if (frame.header.size > ParserChild::kMaxRecord) return std::nullopt;
  frame.bytes.resize(frame.header.size);
  if (!receive_all(socket, frame.bytes.data(), frame.bytes.size(), deadline)) return std::nullopt;
  return frame;
}

void limit(__rlimit_resource resource, rlim_t most) {
  const rlimit bound{.rlim_cur = most, .rlim_max = most};
  ::setrlimit(resource, &bound);
}

constexpr int kSocket = 0;  // where the child keeps its end, in place of standard input

// From here on the child has its socket and standard error.
void shed_everything_but(int socket) {
  ::dup2(socket, kSocket);
  ::close(STDOUT_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  limit(RLIMIT_CPU, 2);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NPROC, 0);
#if !defined(__SANITIZE_ADDRESS__)
  limit(RLIMIT_AS, rlim_t{256} << 20U);  // the address sanitizer maps terabytes
#endif
}

[[noreturn]] void serve(int socket, const Handler& handler) {
  shed_everything_but(socket);
  const auto forever = Clock::now() + std::chrono::hours(1);  // the parent's end closes the socket
  while (auto request = receive_frame(kSocket, forever)) {
    auto record = handler(request->header.tag, request->bytes);
    Header header{.tag = kRecord, .error_id = 0, .reserved = 0, .size = 0};
    std::string bytes;
    if (record) {
      bytes = std::move(*record);
    } else {
      header.tag = kError;
      header.error_id = std::to_underlying(record.error().id());
      bytes = record.error().message().substr(0, kMaxMessage);
    }
    if (!send_frame(kSocket, header, bytes, forever)) break;
  }
  ::_exit(0);
}

std::unexpected<Error> no_answer() {
  return failure(ErrorId::StateLimit,
                 "the parser gave no answer: the document needs more than 2 s or 256 MiB");
}

}  // namespace

Result<ParserChild> ParserChild::start(const Handler& handler) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_failure(ErrorId::Kernel, "socketpair");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure(ErrorId::Kernel, "fork");
  if (pid == 0) {
    try {
      serve(theirs.get(), handler);
    } catch (...) {
      ::_exit(1);  // out of memory: the parent hears the socket close
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

ParserChild::~ParserChild() {
  if (pid_ < 0) return;
  dismiss();
  ::kill(pid_, SIGKILL);  // it may be deep in a document; our own child, not reaped yet
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<std::string> ParserChild::parse(std::uint8_t kind, std::string_view document) {
  const auto deadline = Clock::now() + kDeadline;
  const Header header{.tag = kind, .error_id = 0, .reserved = 0, .size = 0};
  if (!socket_ || document.size() > kMaxRecord ||
      !send_frame(socket_.get(), header, document, deadline))
    return no_answer();
  auto answer = receive_frame(socket_.get(), deadline);
  if (!answer) return no_answer();
  if (answer->header.tag == kRecord) return std::move(answer->bytes);
  const auto known = answer->header.error_id < all_errors().size();
  std::ranges::replace_if(
      answer->bytes, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return failure(known ? static_cast<ErrorId>(answer->header.error_id) : ErrorId::Bug,
                 answer->bytes.substr(0, kMaxMessage));
}

}  // namespace nvhook::sandbox
