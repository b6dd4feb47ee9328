// SPDX-License-Identifier: Apache-2.0
#include "nvhook/companion/supervise.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include "nvhook/companion/listen.hpp"
#include "nvhook/volumes/store.hpp"
#include "part.hpp"
#include "prepare_host.hpp"
#include "rest_process.hpp"
#include "sockets.hpp"
#include "volumes_process.hpp"

namespace nvhook::companion {
namespace {

using std::chrono::milliseconds;

class Supervisor {
 public:
  Supervisor(Beginning beginning, const Log& log)
      : setup_(std::move(beginning.setup)),
        read_again_(std::move(beginning.read_again)),
        log_(log),
        notifier_(beginning.manager.notify_socket),
        watchdog_(beginning.manager.watchdog) {
    rest_.socket.inherit(std::move(beginning.inherited.rest));
    volumes_.socket.inherit(std::move(beginning.inherited.plugin));
  }

  Result<void> run();

 private:
  Result<void> begin();
  Result<void> block_signals();
  void take(Setup setup);
  Result<void> write_spec();
  void tick(Clock::time_point now);
  void wait(Clock::time_point now);
  void read_signals();
  void reap(Clock::time_point now);
  void reload();
  void stop();
  void tell();
  [[nodiscard]] bool is_ready() const;
  [[nodiscard]] std::optional<Clock::time_point> next_due() const;

  Setup setup_;
  std::function<Result<Setup>()> read_again_;
  const Log& log_;
  Notifier notifier_;
  std::optional<std::chrono::microseconds> watchdog_;
  Clock::time_point next_sign_of_life_{};
  UniqueFd signals_;
  Part<RestSocket> rest_{.name = "REST API"};
  Part<VolumeSocket> volumes_{.name = "volume plugin"};
  std::optional<SpecFile> spec_;
  std::string status_;
  bool told_ready_ = false;
  bool stopping_ = false;
};

Result<void> Supervisor::block_signals() {
  sigset_t set{};
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&set, signal);
  for (const int signal : {SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
    return system_failure(ErrorId::Kernel, "block signals");
  signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return system_failure(ErrorId::Kernel, "signalfd");
  return {};
}

// The one that is there is replaced, so that Docker never misses it.
Result<void> Supervisor::write_spec() {
  const bool wanted = setup_.volumes && !setup_.spec_file.empty();
  auto before = std::exchange(spec_, std::nullopt);
  if (before && (!wanted || before->path() != setup_.spec_file)) before->remove();
  if (!wanted) return {};
  auto spec = SpecFile::write(setup_.spec_file, setup_.socket_directory);
  if (!spec) return std::unexpected(std::move(spec).error());
  spec_ = std::move(*spec);
  return {};
}

void Supervisor::take(Setup setup) {
  setup_ = std::move(setup);
  rest_.wanted = setup_.rest;
  volumes_.wanted = setup_.volumes;
}

Result<void> Supervisor::begin() {
  take(std::move(setup_));
  if (auto done = prepare_host(setup_, log_); !done) return done;
  if (setup_.volumes)
    if (const auto store = volumes::Store::open({.path = setup_.store, .links = setup_.links});
        !store)
      return std::unexpected(store.error());
  if (auto done = block_signals(); !done) return done;
  const auto now = Clock::now();
  if (setup_.volumes) log_.say("Serving plugin API at " + setup_.socket_directory);
  if (setup_.rest) log_.say("Serving remote API at " + setup_.endpoint.shown);
  const auto volumes = setup_.volumes ? volumes_.open(setup_, now) : Result<void>();
  const auto rest = setup_.rest ? rest_.open(setup_, now) : Result<void>();
  const bool none = !(setup_.volumes && volumes) && !(setup_.rest && rest);
  const bool may_do_without = setup_.manner == Manner::Ours && !none;
  if (!volumes && !may_do_without) return volumes;
  if (!rest && !may_do_without) return rest;
  if (!volumes) volumes_.complain(volumes.error(), log_);
  if (!rest) rest_.complain(rest.error(), log_);
  return write_spec();
}

// What is due now: sockets, processes, a sign of life.
void Supervisor::tick(Clock::time_point now) {
  rest_.tick(
      setup_, stopping_,
      [this](Channel channel) { return serve_rest(std::move(channel), setup_, log_); }, log_, now);
  volumes_.tick(
      setup_, stopping_,
      [this](Channel channel) { return serve_volumes(std::move(channel), setup_, log_); }, log_,
      now);
  if (watchdog_ && now >= next_sign_of_life_) {
    notifier_.tell("WATCHDOG=1");
    next_sign_of_life_ = now + *watchdog_ / 2;
  }
}

std::optional<Clock::time_point> Supervisor::next_due() const {
  std::optional<Clock::time_point> due;
  for (const auto& one : {rest_.due(setup_, stopping_), volumes_.due(setup_, stopping_)})
    if (one && (!due || *one < *due)) due = one;
  if (watchdog_ && (!due || next_sign_of_life_ < *due)) due = next_sign_of_life_;
  return due;
}

void Supervisor::wait(Clock::time_point now) {
  std::array<pollfd, 3> all = {
      pollfd{.fd = signals_.get(), .events = POLLIN, .revents = 0},
      pollfd{.fd = rest_.child.channel(), .events = POLLIN, .revents = 0},
      pollfd{.fd = volumes_.child.channel(), .events = POLLIN, .revents = 0},
  };
  const auto due = next_due();
  int timeout = -1;
  if (due)  // one more: a poll that ends too soon would spin
    timeout = static_cast<int>(
        std::clamp(std::chrono::duration_cast<milliseconds>(*due - now) + milliseconds(1),
                   milliseconds(0), milliseconds(60'000))
            .count());
  ::poll(all.data(), all.size(), timeout);
  if (all[1].revents != 0) rest_.child.hear();
  if (all[2].revents != 0) volumes_.child.hear();
}

void Supervisor::read_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) stop();
    if (info.ssi_signo == SIGHUP && !stopping_) reload();
  }
}

void Supervisor::reap(Clock::time_point now) {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
    if (!rest_.has_ended(pid, status, stopping_, log_, now))
      volumes_.has_ended(pid, status, stopping_, log_, now);
}

// What cannot be had of the new settings leaves the old ones as they are.
void Supervisor::reload() {
  notifier_.tell("RELOADING=1\n" + monotonic_now());
  auto setup = read_again_();
  if (!setup) {
    log_.error(setup.error());
    log_.say("The settings stay as they were");
    notifier_.tell("READY=1");
    return;
  }
  const auto before = setup_;
  const bool had_rest = rest_.wanted && rest_.socket.get() >= 0;
  const bool had_volumes = volumes_.wanted && volumes_.socket.get() >= 0;
  take(std::move(*setup));
  const auto now = Clock::now();
  if (rest_.wanted && !rest_.open_or_complain(setup_, log_, now) && had_rest) {
    setup_.endpoint = before.endpoint;
    log_.say("The REST API stays at " + setup_.endpoint.shown);
  }
  if (volumes_.wanted && !volumes_.open_or_complain(setup_, log_, now) && had_volumes) {
    setup_.socket_directory = before.socket_directory;
    log_.say("The plugin's socket stays in " + setup_.socket_directory);
  }
  if (!rest_.wanted) rest_.socket.close();
  if (!volumes_.wanted) volumes_.socket.close();
  if (auto written = write_spec(); !written) log_.error(written.error());
  rest_.child.replace();
  volumes_.child.replace();
  told_ready_ = false;
  log_.say("Reloaded the settings");
}

void Supervisor::stop() {
  if (std::exchange(stopping_, true)) return;
  notifier_.tell("STOPPING=1");
  rest_.socket.close();
  volumes_.socket.close();
  if (spec_) spec_->remove();
}

// One that serves, at least, and none of which it is not known yet.
bool Supervisor::is_ready() const {
  const auto settled = [](const auto& part) {
    return !part.wanted || part.child.ready() || part.failing();
  };
  return settled(rest_) && settled(volumes_) && (rest_.child.ready() || volumes_.child.ready());
}

// The service manager hears that it is up, once, and then whatever changes.
void Supervisor::tell() {
  if (stopping_) return;
  if (!told_ready_ && is_ready()) {
    told_ready_ = true;
    notifier_.tell("READY=1");
  }
  auto status = volumes_.status() + "; " + rest_.status();
  if (status == status_) return;
  status_ = std::move(status);
  notifier_.tell("STATUS=" + status_);
}

Result<void> Supervisor::run() {
  if (auto begun = begin(); !begun) {
    volumes_.socket.close();
    return begun;
  }
  while (!stopping_ || rest_.child.running() || volumes_.child.running()) {
    tick(Clock::now());
    tell();
    wait(Clock::now());
    read_signals();
    reap(Clock::now());
  }
  log_.say("Successfully terminated");
  return {};
}

}  // namespace

Result<void> supervise(Beginning beginning, const Log& log) {
  return Supervisor(std::move(beginning), log).run();
}

}  // namespace nvhook::companion
