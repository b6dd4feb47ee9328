// SPDX-License-Identifier: Apache-2.0
#include "support/namespaces.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace nvhook::test {
namespace {

void must(bool done, const char* what) {
  if (done) return;
  std::perror(what);
  std::abort();
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

UniqueFd open_namespace(pid_t pid, const char* name) {
  const auto path = "/proc/" + std::to_string(pid) + "/ns/" + name;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  must(static_cast<bool>(fd), path.c_str());
  return fd;
}

bool same_namespace(int one, int other) {
  struct stat a{};
  struct stat b{};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_ino == b.st_ino;
}

}  // namespace

int ask_root_of(pid_t pid, const std::function<int()>& question) {
  const auto user = open_namespace(pid, "user");
  const auto mounts = open_namespace(pid, "mnt");
  const auto ours = open_namespace(::getpid(), "user");
  const bool other_user = !same_namespace(user.get(), ours.get());
  const pid_t child = ::fork();
  must(child >= 0, "fork");
  if (child == 0) {
    if (other_user) must(::setns(user.get(), CLONE_NEWUSER) == 0, "setns user");
    must(::setns(mounts.get(), CLONE_NEWNS) == 0, "setns mount");
    if (other_user) must(::setresgid(0, 0, 0) == 0 && ::setresuid(0, 0, 0) == 0, "setresuid");
    ::_exit(question());
  }
  const int status = wait_for(child);
  must(WIFEXITED(status), "the process in the namespaces");
  return WEXITSTATUS(status);
}

Namespaces::Namespaces() {
  std::array<int, 2> ends{};
  must(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2");
  const UniqueFd ready(ends[0]);
  UniqueFd tell(ends[1]);
  holder_ = ::fork();
  must(holder_ >= 0, "fork");
  if (holder_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "unshare");
    must(::write(tell.get(), "x", 1) == 1, "write");
    for (;;) ::pause();
  }
  tell = UniqueFd();
  char byte = 0;
  must(::read(ready.get(), &byte, 1) == 1, "read");
  const auto process = "/proc/" + std::to_string(holder_);
  for (const auto* map : {"/uid_map", "/gid_map"}) std::ofstream(process + map) << "0 0 65536\n";
  user_ = open_namespace(holder_, "user");
  mount_ = open_namespace(holder_, "mnt");
}

Namespaces::~Namespaces() {
  ::kill(holder_, SIGKILL);
  wait_for(holder_);
}

}  // namespace nvhook::test
