// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/ask.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "nvhook/base/close_from.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/files/trust.hpp"
#include "nvhook/nvml/document.hpp"
#include "nvhook/sandbox/confine.hpp"
#include "nvml/hear_out.hpp"

namespace nvhook::nvml {
namespace {

// How the new process ends if it cannot become the program.
constexpr int kNotConfined = 125;
constexpr int kNotExecuted = 126;
constexpr int kOutOfMemory = 127;

// Beyond the deadline, until what the guard has to tell is due.
constexpr std::chrono::milliseconds kPatienceWithGuard{1000};

constexpr int kUnable = 3;  // the program's own: its document has the error

struct Files {
  UniqueFd program;
  UniqueFd nvml;
  UniqueFd cuda;
};

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

// The libraries go by descriptor: the way to them may be closed to nobody.
std::string path_of_descriptor(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

std::vector<std::string> words_of(const Question& question) {
  std::vector<std::string> words = {"nvhook-nvml", "--nvml", path_of_descriptor(kFirstLibrary)};
  if (!question.cuda.empty())
    words.insert(words.end(), {"--cuda", path_of_descriptor(kLastLibrary)});
  if (question.status) words.emplace_back("--status");
  if (question.topology) words.emplace_back("--topology");
  return words;
}

constexpr int kProgram = kLastLibrary + 1;

// Puts them at their numbers, first aside, where none is in another's way; the libraries are kept
// when the program is executed. Everything else goes, whoever has left it open.
bool hand_over(const Files& files) {
  constexpr int kAside = 10;
  const int nvml = ::fcntl(files.nvml.get(), F_DUPFD_CLOEXEC, kAside);
  const int cuda = files.cuda ? ::fcntl(files.cuda.get(), F_DUPFD_CLOEXEC, kAside) : nvml;
  const int program = ::fcntl(files.program.get(), F_DUPFD_CLOEXEC, kAside);
  return nvml >= 0 && cuda >= 0 && program >= 0 && ::dup2(nvml, kFirstLibrary) >= 0 &&
         ::dup2(cuda, kLastLibrary) >= 0 && ::dup3(program, kProgram, O_CLOEXEC) >= 0 &&
         close_from(kProgram + 1);
}

// This process is killed when the one that started it ends.
void end_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(kNotExecuted);
}

// In the process that is to be the program. What else it says has nobody to read it, and a runtime
// waits for whoever holds the streams that it gave us.
[[noreturn]] void become(const Files& files, std::vector<std::string> words, int answer,
                         pid_t parent) {
  end_with(parent);
  ::setsid();  // so that all that it starts can be ended with it
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere < 0 || ::dup2(nowhere, STDIN_FILENO) < 0 || ::dup2(answer, STDOUT_FILENO) < 0 ||
      ::dup2(nowhere, STDERR_FILENO) < 0 || !hand_over(files))
    ::_exit(kNotExecuted);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<char*, 1> no_environment = {nullptr};
  ::syscall(SYS_execveat, kProgram, "", arguments.data(), no_environment.data(), AT_EMPTY_PATH);
  ::_exit(kNotExecuted);
}

// What the process in between tells its parent: how the program has ended, and then its text.
std::string encode(const Said& said) {
  return {static_cast<char>(said.end), static_cast<char>(said.number)};
}
constexpr std::size_t kHeader = 2;

void write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) ::_exit(kNotExecuted);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

// The process in between, which is nobody as well: a process of root's that has given up its
// capabilities may not kill one of another user.
[[noreturn]] void guard(const Files& files, const std::vector<std::string>& words, int to,
                        Clock::time_point give_up, pid_t parent) {
  if (!sandbox::become_nobody()) ::_exit(kNotConfined);
  end_with(parent);  // which the change of users would have undone
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) ::_exit(kNotExecuted);
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) ::_exit(kNotExecuted);
  if (pid == 0) become(files, words, ends[1], self);
  ::close(ends[1]);
  const auto said = hear_out(pid, ends[0], kMaxDocument, give_up);
  write_whole(to, encode(said));
  write_whole(to, said.text);
  ::_exit(0);
}

// What the guard has told, and if it has told nothing, how it has ended itself.
Said decode(Said told) {
  if (told.end != Said::End::Status || told.number != 0 || told.text.size() < kHeader ||
      static_cast<unsigned char>(told.text[0]) > static_cast<unsigned char>(Said::End::TooMuch))
    return told;
  return {.text = told.text.substr(kHeader),
          .end = static_cast<Said::End>(told.text[0]),
          .number = static_cast<unsigned char>(told.text[1])};
}

std::string seconds(std::chrono::milliseconds time) {
  const auto tenths = time.count() / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) +
         " s";
}

std::string_view way_out(int code) {
  switch (code) {
    case 4:   // NO_PERMISSION
    case 17:  // OPERATING_SYSTEM
      return "it is asked by the user nobody, for whom /dev/nvidia* may be closed: see their modes";
    case 9:  // DRIVER_NOT_LOADED
      return "load the module (modprobe nvidia), and see that /dev/nvidiactl is there";
    case 18:  // LIB_RM_VERSION_MISMATCH
      return "the driver was updated while its module was loaded: reboot, or load the module anew";
    default:
      return "see what nvidia-smi says on this host";
  }
}

std::unexpected<Error> refused(const Question& question, const Trouble& trouble) {
  if (trouble.call == "dlopen")
    return failure(ErrorId::NvmlAbsent, "the library of NVML " + quote(question.nvml) +
                                            " cannot be loaded: " + quote(trouble.text));
  return failure(ErrorId::NvmlFailed,
                 "NVML says " + quote(trouble.text) + " (" + quote(trouble.call) + ": " +
                     std::string(name_of_code(trouble.code)) + ", " + std::to_string(trouble.code) +
                     "); " + std::string(way_out(trouble.code)));
}

Result<Answer> read_answer(const Question& question, std::string document) {
  auto nvml = parse(document);
  if (!nvml) return failed_to("nvhook-nvml", std::move(nvml));
  if (nvml->error) return refused(question, *nvml->error);
  return Answer{.nvml = std::move(*nvml), .document = std::move(document)};
}

Result<Answer> judge(const Question& question, Said said) {
  if (said.end == Said::End::Late)
    return failure(ErrorId::NvmlTimeout,
                   "NVML did not answer within " + seconds(question.deadline) +
                       ", and nvhook-nvml was ended; see whether nvidia-smi -L answers on this "
                       "host: a first look takes long where nvidia-persistenced does not run");
  if (said.end == Said::End::TooMuch)
    return failure(ErrorId::NvmlAnswer, "nvhook-nvml says more than " +
                                            std::to_string(kMaxDocument) + " bytes, and was ended");
  if (said.end == Said::End::Signal)
    return failure(ErrorId::NvmlCrashed,
                   "nvhook-nvml was ended by signal " + std::to_string(said.number) +
                       " while it asked NVML; see what nvidia-smi says on this host, and whether "
                       "all of the driver is of one version");
  if (said.number == 0 || said.number == kUnable)
    return read_answer(question, std::move(said.text));
  if (said.number == kNotConfined)
    return failure(ErrorId::Kernel,
                   "a process for nvhook-nvml could not give up its privileges, and was ended");
  if (said.number == kNotExecuted)
    return failure(ErrorId::NvmlAbsent,
                   "nvhook-nvml cannot be executed by the user nobody: see "
                   "its mode, and the options of its file system");
  if (said.number == kOutOfMemory)
    return failure(ErrorId::Kernel, "there is no memory for the processes of nvhook-nvml");
  return failure(ErrorId::NvmlAnswer,
                 "nvhook-nvml ended with status " + std::to_string(said.number) +
                     ", and is none of this version: install it together with nvhook");
}

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

Result<Answer> ask(const Question& question) {
  const auto give_up = Clock::now() + question.deadline;
  const auto files = open_files(question);
  if (!files) return std::unexpected(files.error());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure(ErrorId::Kernel, "pipe2");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t caller = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_failure(ErrorId::Kernel, "fork");
  if (pid == 0) {
    try {
      guard(*files, words_of(question), theirs.get(), give_up, caller);
    } catch (const std::bad_alloc&) {  // not into the frames of whoever asks, in a copy of it
      ::_exit(kOutOfMemory);
    }
  }
  theirs = UniqueFd();
  return judge(question,
               decode(hear_out(pid, ours.get(), kMaxDocument * 2, give_up + kPatienceWithGuard)));
}

}  // namespace nvhook::nvml
