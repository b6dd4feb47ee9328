// SPDX-License-Identifier: Apache-2.0
#include "nvml/program.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>
#include <utility>

#include "nvhook/base/close_from.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/files/trust.hpp"

namespace nvhook::nvml {
namespace {

Result<UniqueFd> open_file(const std::string& path, int flags, std::string_view what) {
  UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0)
    return system_failure(ErrorId::NvmlAbsent, std::string(what) + " " + quote(path));
  const bool ours = files::is_roots(status.st_uid) || status.st_uid == ::geteuid();
  if (!S_ISREG(status.st_mode) || !ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return failure(ErrorId::NvmlAbsent,
                   std::string(what) + " " + quote(path) + " is no plain file of root's alone");
  return file;
}

// The libraries go by descriptor: the way to them may be closed to nobody.
std::string path_of_descriptor(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

constexpr int kProgram = kLastLibrary + 1;

}  // namespace

Result<std::string> program_beside_us() {
  std::array<char, kMaxPath + 1> own{};
  const auto size = ::readlink("/proc/self/exe", own.data(), own.size());
  if (size < 0) return system_failure(ErrorId::NvmlAbsent, "readlink /proc/self/exe");
  std::string path(own.data(), static_cast<std::size_t>(size));
  path.erase(path.rfind('/'));                         // the program
  path.erase(std::min(path.rfind('/'), path.size()));  // bin
  return path + "/libexec/nvhook/nvhook-nvml";
}

Result<Files> open_files(const Question& question) {
  auto path = question.program.empty() ? program_beside_us() : question.program;
  if (!path) return std::unexpected(std::move(path).error());
  Files files;
  auto program = open_file(*path, O_PATH, "the program that asks NVML");
  if (!program) return std::unexpected(std::move(program).error());
  files.program = std::move(*program);
  // Non-blocking: what is a fifo, for all we know, is refused and not waited for.
  auto nvml = open_file(question.nvml, O_RDONLY | O_NONBLOCK, "the library of NVML");
  if (!nvml) return std::unexpected(std::move(nvml).error());
  files.nvml = std::move(*nvml);
  if (question.cuda.empty()) return files;
  auto cuda = open_file(question.cuda, O_RDONLY | O_NONBLOCK, "the library of CUDA");
  if (!cuda) return std::unexpected(std::move(cuda).error());
  files.cuda = std::move(*cuda);
  return files;
}

std::vector<std::string> words_with(const Files& files) {
  std::vector<std::string> words = {"nvhook-nvml", "--nvml", path_of_descriptor(kFirstLibrary)};
  if (files.cuda) words.insert(words.end(), {"--cuda", path_of_descriptor(kLastLibrary)});
  return words;
}

bool settle(std::span<const int> descriptors) {
  constexpr int kAside = 10;  // where none is in another's way
  std::vector<int> aside;
  for (const int fd : descriptors) aside.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, kAside));
  int number = kFirstLibrary;
  for (const int fd : aside) {
    if (fd < 0 || ::dup3(fd, number, number > kLastLibrary ? O_CLOEXEC : 0) < 0) return false;
    ++number;
  }
  return close_from(number);
}

void end_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(kNotExecuted);
}

// What else it says has nobody to read it, and a runtime waits for whoever holds the streams that
// it gave us.
void become(const Files& files, std::vector<std::string> words, Streams streams, pid_t parent) {
  end_with(parent);
  ::setsid();  // so that all that it starts can be ended with it
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int in = streams.in < 0 ? nowhere : streams.in;
  const int nvml = files.nvml.get();
  const std::array descriptors = {nvml, files.cuda ? files.cuda.get() : nvml, files.program.get()};
  if (nowhere < 0 || ::dup2(in, STDIN_FILENO) < 0 || ::dup2(streams.out, STDOUT_FILENO) < 0 ||
      ::dup2(nowhere, STDERR_FILENO) < 0 || !settle(descriptors))
    ::_exit(kNotExecuted);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<char*, 1> no_environment = {nullptr};
  ::syscall(SYS_execveat, kProgram, "", arguments.data(), no_environment.data(), AT_EMPTY_PATH);
  ::_exit(kNotExecuted);
}

}  // namespace nvhook::nvml
