// SPDX-License-Identifier: Apache-2.0
// nvhook-systemd: tells systemd of devices that a container got, as nvhook orders it or by hand.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "clean_start.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/sandbox/confine.hpp"
#include "nvhook/systemd/scope.hpp"
#include "nvhook/systemd/tell.hpp"
#include "nvhook/systemd/teller.hpp"
#include "nvhook/systemd/transient.hpp"
#include "version.hpp"

namespace nvhook {
namespace {

using systemd::Answer;
using systemd::Clock;
using systemd::Manager;
using systemd::Order;
using systemd::Outcome;

// With systemd, which may be reloading: that takes seconds where there are many units. Nobody waits
// for us that long but who runs us by hand.
constexpr std::chrono::seconds kPatience{10};
// Seconds until SIGALRM ends the process: as long as nvhook itself may take, and that patience.
constexpr unsigned kLastResort = 75;
constexpr std::chrono::milliseconds kGlance{10};  // between looks for an order

constexpr std::string_view kHelp =
    R"(Usage:
  nvhook-systemd SCOPE NODE...

Tells systemd that the processes of a scope may read and write these device
nodes, so that it does not take them away when it sets up the scope's devices
anew: at daemon-reload, daemon-reexec, set-property. For root. nvhook runs this
program by itself; by hand it helps a container that was started without.

  nvhook-systemd runc-c1.scope /dev/nvidiactl /dev/nvidia0

What the container's runtime allows is not changed. The manual is
nvhook-systemd(8).
)";

void say(int stream, std::string_view text) {
  [[maybe_unused]] const auto written = ::write(stream, text.data(), text.size());
}

Result<systemd::Node> node_at(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return system_failure(ErrorId::NodeMissing, "stat " + quote(path));
  if (!path.starts_with('/') || !S_ISCHR(status.st_mode))
    return failure(ErrorId::NodeType, quote(path) + " is not the path of a character device");
  return systemd::Node{.path = path, .number = {::major(status.st_rdev), ::minor(status.st_rdev)}};
}

Result<Order> order_of(std::span<char*> words) {
  if (words.size() < 2)
    return failure(ErrorId::Usage, "a scope and its nodes are expected (nvhook-systemd --help)");
  Order order{.scope = words.front(), .nodes = {}};
  if (!systemd::is_scope(order.scope))
    return failure(ErrorId::Usage, quote(order.scope) + " is not the name of a scope");
  for (const char* path : words.subspan(1)) {
    auto node = node_at(path);
    if (!node) return std::unexpected(std::move(node).error());
    order.nodes.push_back(std::move(*node));
  }
  if (order.nodes.size() > systemd::kMaxNodes)
    return failure(ErrorId::Usage, "these are too many nodes");
  return order;
}

Result<void> by_hand(std::span<char*> words) {
  const auto order = order_of(words);
  if (!order) return std::unexpected(order.error());
  const auto transient = systemd::open_transient();
  if (!transient) return std::unexpected(transient.error());
  if (auto done = sandbox::confine_to_telling(); !done) return done;
  Manager manager;
  const auto answer = systemd::tell(*order, transient->get(), manager, Clock::now() + kPatience);
  if (answer.outcome == Outcome::Failed) return failure(ErrorId::Systemd, answer.reason);
  say(STDOUT_FILENO, answer.outcome == Outcome::Told
                         ? "told\n"
                         : "nothing to do: systemd restricts no devices of this scope\n");
  return {};
}

bool has_order() {
  pollfd order{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return ::poll(&order, 1, 0) == 1;
}

// To the journal: nvhook has ended, or has been told otherwise. Not by syslog(3), which looks up
// the time zone by a path, and systemd knows the time.
void say_in_journal(const Order& order, const std::string& reason) {
  sockaddr_un journal{};
  journal.sun_family = AF_UNIX;
  constexpr std::string_view kPath = "/run/systemd/journal/dev-log";  // what /dev/log leads to
  kPath.copy(journal.sun_path, sizeof journal.sun_path - 1);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto line = "<" + std::to_string(LOG_DAEMON | LOG_WARNING) +
                    ">nvhook-systemd: W_SYSTEMD: systemd may not know that " + quote(order.scope) +
                    " has GPUs: " + reason;
  ::sendto(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&journal), sizeof journal);
}

Answer carry_out(const Order& order, const Result<UniqueFd>& transient, Manager& manager) {
  if (!transient) return {.outcome = Outcome::Failed, .reason = transient.error().message()};
  return systemd::tell(order, transient->get(), manager, Clock::now() + kPatience);
}

// Started by nvhook, which is at work meanwhile.
Result<void> by_order() {
  ::alarm(kLastResort);
  const auto transient = systemd::open_transient();
  if (auto done = sandbox::confine_to_telling(); !done) return done;
  Manager manager;
  while (!has_order() && !manager.prepare(kGlance)) {
  }
  const auto order = systemd::receive_order(STDIN_FILENO);
  if (!order) return std::unexpected(order.error());
  if (!*order) return {};
  const auto answer = carry_out(**order, transient, manager);
  const bool heard = systemd::send_answer(STDIN_FILENO, answer) && (*order)->awaited;
  if (!heard && answer.outcome == Outcome::Failed) say_in_journal(**order, answer.reason);
  return {};
}

bool is_socket(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

Result<void> run(std::span<char*> words, Surroundings surroundings) {
  if (surroundings.lent_privileges)
    return failure(ErrorId::Setuid, "this file must be neither setuid nor have capabilities");
  const std::string_view first = words.empty() ? "" : words.front();
  if (first == "--help" || first == "-h") {
    say(STDOUT_FILENO, kHelp);
    return {};
  }
  if (first == "--version") {
    say(STDOUT_FILENO, "nvhook-systemd " + std::string(kVersion) + "\n");
    return {};
  }
  return words.empty() && is_socket(STDIN_FILENO) ? by_order() : by_hand(words);
}

}  // namespace
}  // namespace nvhook

int main(int argc, char** argv) {
  using namespace nvhook;
  const auto fail = [](const Error& error) {
    say(STDERR_FILENO, "nvhook-systemd: " + error.text() + "\n");
    return exit_status_of(error.id());
  };
  try {
    const auto surroundings = clean_start(argv);
    const auto done = surroundings ? run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1),
                                         *surroundings)
                                   : Result<void>(std::unexpected(surroundings.error()));
    return done ? EXIT_SUCCESS : fail(done.error());
  } catch (const std::bad_alloc&) {
    say(STDERR_FILENO, "nvhook-systemd: E_KERNEL: out of memory\n");
    return exit_status_of(ErrorId::Kernel);
  } catch (const std::exception& bug) {  // our own code reports through Result
    return fail(Error(ErrorId::Bug, bug.what()));
  }
}
