// SPDX-License-Identifier: Apache-2.0
#include "support/launch.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "nvhook/base/unique_fd.hpp"
#include "support/take_away_calls.hpp"

// glibc 2.36's header does not say that its functions are C's.
extern "C" {
#include <sys/pidfd.h>
}

namespace nvhook::test {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();  // the machine cannot do what these tests need
}

UniqueFd memory_file(std::string_view content) {
  UniqueFd fd(::memfd_create("stream", MFD_CLOEXEC));
  if (!fd ||
      ::write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    give_up("memfd_create");
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::string content_of(int fd) {
  std::string text;
  std::array<char, 65536> chunk{};
  for (;;) {
    const auto got = ::pread(fd, chunk.data(), chunk.size(), static_cast<off_t>(text.size()));
    if (got <= 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  for (const auto& string : strings) all.push_back(const_cast<char*>(string.c_str()));
  all.push_back(nullptr);
  return all;
}

// The number of the listening descriptor in the new process, in memory that both see: from the
// moment of the filter on the process cannot even write it anywhere before somebody answers.
class Mailbox {
 public:
  Mailbox() {
    void* page = ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) give_up("mmap");
    number_ = new (page) std::atomic<int>(-1);
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() { ::munmap(number_, sizeof(std::atomic<int>)); }

  void put(int number) { number_->store(number); }
  [[nodiscard]] int take() const {
    const auto give_up_at = Clock::now() + std::chrono::seconds(30);
    while (number_->load() < 0 && Clock::now() < give_up_at) ::usleep(50);
    return number_->load();
  }

 private:
  std::atomic<int>* number_;
};

// All calls wait for an answer but those that end a process or a signal's handler.
std::vector<sock_filter> notifying_program() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_NOTIFY);
  bool fine = filter != nullptr;
  for (const int call : {SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn)})
    fine = fine && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0;
  const UniqueFd file(::memfd_create("filter", MFD_CLOEXEC));
  if (!fine || seccomp_export_bpf(filter, file.get()) != 0) ::_exit(126);
  seccomp_release(filter);
  const auto bytes = content_of(file.get());
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), program.size() * sizeof(sock_filter));
  return program;
}

void install_filter(Mailbox& mailbox) {
  static std::vector<sock_filter> program;  // is not taken apart: that could be a call already
  program = notifying_program();
  const sock_fprog all{.len = static_cast<unsigned short>(program.size()),
                       .filter = program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(126);
  // Not by seccomp_load, which goes on with its memory: such a call would wait for somebody who
  // does not know yet whom to ask. Other filters still count, the kernel's and one that a sandbox
  // adds later: the strictest answer wins. Source: seccomp(2).
  const auto listener =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &all);
  if (listener < 0) ::_exit(126);
  mailbox.put(static_cast<int>(listener));
}

// Answers until nobody is left to ask.
class Supervisor {
 public:
  Supervisor(UniqueFd listener, pid_t program, const Launch& launch)
      : listener_(std::move(listener)), program_(program), watch_(launch.watch) {
    if (seccomp_notify_alloc(&request_, &answer_) != 0) give_up("seccomp_notify_alloc");
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() { seccomp_notify_free(request_, answer_); }

  // Each call is handed over and back: on one processor that takes a third of the time. Linux 6.6;
  // include/uapi/linux/seccomp.h there.
  void stay_on_one_processor() {
    constexpr std::uint64_t kSyncWakeUp = 1;  // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
    (void)::ioctl(listener_.get(), _IOW('!', 4, std::uint64_t), kSyncWakeUp);
  }

  // Whether all have ended in time.
  bool serve(Clock::time_point deadline) {
    for (;;) {
      pollfd wait{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) == 0) return false;
      if ((wait.revents & POLLIN) == 0) return true;
      answer_one();
    }
  }

 private:
  void answer_one() {
    std::memset(request_, 0, sizeof *request_);
    if (seccomp_notify_receive(listener_.get(), request_) != 0) return;  // killed while it waited
    WatchedCall call{.pid = static_cast<pid_t>(request_->pid),
                     .by_program = static_cast<pid_t>(request_->pid) == program_,
                     .number = request_->data.nr};
    for (std::size_t i = 0; i < call.arguments.size(); ++i)
      call.arguments[i] = request_->data.args[i];
    // What is made between the filter and the start is ours.
    const bool start = !started_ && call.number == SCMP_SYS(execve);
    const auto verdict = started_ ? watch_(call) : Answer{};
    started_ = started_ || start;
    // Without an answer: with one the call may happen all the same.
    if (verdict.kill && ::kill(call.pid, SIGKILL) == 0) return;
    std::memset(answer_, 0, sizeof *answer_);
    answer_->id = request_->id;
    answer_->error = -verdict.error;
    if (verdict.error == 0) answer_->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    seccomp_notify_respond(listener_.get(), answer_);
  }

  UniqueFd listener_;
  pid_t program_;
  const Watch& watch_;
  bool started_ = false;
  seccomp_notif* request_ = nullptr;
  seccomp_notif_resp* answer_ = nullptr;
};

// Waits for the process; kills it at the deadline.
bool wait_for(int pidfd, Clock::time_point deadline) {
  pollfd wait{.fd = pidfd, .events = POLLIN, .revents = 0};
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    const auto ready = left.count() > 0 ? ::poll(&wait, 1, static_cast<int>(left.count())) : 0;
    if (ready == 1) return true;
    if (ready == 0) return false;
  }
}

}  // namespace

std::string WatchedCall::name() const {
  const std::unique_ptr<char, decltype(&std::free)> text(
      seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), &std::free);
  return text ? text.get() : std::to_string(number);
}

std::string WatchedCall::text(std::size_t argument) const {
  std::string bytes(4096, '\0');
  const UniqueFd memory(
      ::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  const auto got =
      ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(arguments.at(argument)));
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return bytes.substr(0, bytes.find('\0'));
}

Ended launch(const Launch& launch) {
  const auto argv = pointers(launch.arguments);
  const auto envp = pointers(launch.environment);
  const auto in = memory_file(launch.input);
  const auto out = memory_file({});
  const auto err = memory_file({});
  Mailbox mailbox;

  const auto start = Clock::now();
  const auto deadline = start + launch.patience;
  const pid_t child = ::fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    ::dup2(in.get(), STDIN_FILENO);
    ::dup2(out.get(), STDOUT_FILENO);
    ::dup2(err.get(), STDERR_FILENO);
    // First, for `before` may leave neither the right to it nor the memory.
    if (launch.tier == Tier::Old) take_away_new_calls();
    if (launch.before) launch.before();
    if (launch.watch) install_filter(mailbox);
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  const UniqueFd pidfd(::pidfd_open(child, 0));
  bool in_time = true;
  if (launch.watch) {
    UniqueFd listener(::pidfd_getfd(pidfd.get(), mailbox.take(), 0));
    if (!listener) give_up("pidfd_getfd");
    Supervisor supervisor(std::move(listener), child, launch);
    supervisor.stay_on_one_processor();
    in_time = supervisor.serve(deadline);
  }
  in_time = in_time && wait_for(pidfd.get(), deadline);
  if (!in_time) ::kill(child, SIGKILL);

  int status = 0;
  rusage used{};
  while (::wait4(child, &status, 0, &used) < 0 && errno == EINTR) {
  }
  const auto wall = Clock::now() - start;
  return {{.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
           .out = content_of(out.get()),
           .err = content_of(err.get()),
           .wall = std::chrono::duration_cast<std::chrono::milliseconds>(wall),
           .max_rss_kib = used.ru_maxrss},
          !in_time};
}

}  // namespace nvhook::test
