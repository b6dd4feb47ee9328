// SPDX-License-Identifier: Apache-2.0
#include "uvm.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "host.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/files/trust.hpp"

namespace nvhook::companion {
namespace {

constexpr unsigned kSeconds = 30;  // that loading a module may take

bool is_node(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISCHR(status.st_mode);
}

// A program that nobody but root can change; empty if there is none.
UniqueFd find_program(const driver::Where& where) {
  for (const auto& directory : where.program_directories) {
    const auto path = directory + "/nvidia-modprobe";
    UniqueFd file(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat status {};
    if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
        files::is_roots(status.st_uid) && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
      return file;
  }
  return {};
}

// Its exit status; -1 if it has none.
int run(int program) {
  std::array<char, 16> name{"nvidia-modprobe"};
  std::array<char, 3> module{"-u"};
  std::array<char, 5> nodes{"-c=0"};
  std::array<char*, 4> words = {name.data(), module.data(), nodes.data(), nullptr};
  std::array<char*, 1> no_environment = {nullptr};
  const pid_t pid = ::fork();
  if (pid == 0) {
    sigset_t none{};
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::alarm(kSeconds);
    ::fexecve(program, words.data(), no_environment.data());
    ::_exit(127);
  }
  int status = 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

Result<void> load_uvm(const driver::Where& where) {
  const auto node = node_path(where, "nvidia-uvm");
  if (is_node(node)) return {};
  const auto missing = quote(node) + " is missing, ";
  if (where.driver_root != "/")
    return failure(ErrorId::NodeMissing, missing + "and the driver is not this host's own");
  const auto program = find_program(where);
  if (!program)
    return failure(ErrorId::NodeMissing, missing + "and there is no nvidia-modprobe to make it");
  if (const int status = run(program.get()); status != 0)
    return failure(
        ErrorId::NodeMissing,
        missing + "and nvidia-modprobe -u -c=0 ended with status " + std::to_string(status));
  return {};
}

}  // namespace nvhook::companion
