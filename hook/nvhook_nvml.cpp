// SPDX-License-Identifier: Apache-2.0
// nvhook-nvml: asks NVML, as nvhook wants it or by hand. The one program in which vendor code runs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "clean_start.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/nvml/ask.hpp"
#include "nvhook/nvml/document.hpp"
#include "nvhook/nvml/look.hpp"
#include "nvhook/sandbox/confine.hpp"
#include "version.hpp"

namespace nvhook {
namespace {

constexpr std::string_view kHelp =
    R"(Usage:
  nvhook-nvml [OPTION]...

Asks NVML, the library of the NVIDIA driver, what it knows of this host, and
prints it as JSON: docs/nvml.md. Gives up its privileges first. nvhook runs this
program by itself; it never ends one that hangs when it is run by hand.

Options:
  --nvml FILE   The library (libnvidia-ml.so.1, where the loader finds it)
  --cuda FILE   Ask this library of CUDA as well (libcuda.so.1)
  --status      What changes: load, memory, power, temperature, processes
  --topology    What the boards can do, and how they are connected
  --watch       Stay, and print a document for each line of standard input:
                "all", or "status" without what never changes
  -h, --help    Print this help
  --version     Print the version

Exit status: 0, 3 (NVML cannot be loaded, or does not answer; the document says
why), 64 (wrong command line). The manual is nvhook-nvml(8).
)";

constexpr int kUnable = 3;

void say(int stream, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(stream, text.data(), text.size());
    if (written < 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

struct Asked {
  nvml::Wanted wanted;
  bool watch = false;
  std::optional<std::string> answer;  // to be printed instead
};

Result<Asked> parse(std::span<char*> words) {
  Asked asked;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--help" || word == "-h") {
      asked.answer = kHelp;
    } else if (word == "--version") {
      asked.answer = "nvhook-nvml " + std::string(kVersion) + "\n";
    } else if (word == "--status") {
      asked.wanted.status = true;
    } else if (word == "--topology") {
      asked.wanted.topology = true;
    } else if (word == "--watch") {
      asked.watch = true;
    } else if ((word == "--nvml" || word == "--cuda") && i + 1 < words.size()) {
      (word == "--nvml" ? asked.wanted.nvml : asked.wanted.cuda) = words[++i];
    } else {
      return failure(ErrorId::Usage, quote(word) + " is not understood (nvhook-nvml --help)");
    }
  }
  return asked;
}

// A line of standard input, without its end; nothing at the end of all. Longer than any that we
// know is no line.
std::optional<std::string> next_line() {
  constexpr std::size_t kLongest = 16;
  std::string line;
  for (;;) {
    char c = 0;
    const auto got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    if (c == '\n' || line.size() > kLongest) return line;
    line += c;
  }
}

Result<int> watch(const nvml::Wanted& wanted, int answers) {
  nvml::Lookout lookout(wanted);
  while (const auto line = next_line()) {
    const auto what = nvml::what_of(*line);
    if (!what) return failure(ErrorId::Usage, "the line " + quote(*line) + " is not understood");
    say(answers, nvml::to_json(lookout.look(*what)));
  }
  return EXIT_SUCCESS;
}

// Standard output, which is ours alone from now on: what the libraries may print goes to standard
// error.
Result<int> take_output() {
  const int output = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, nvml::kLastLibrary + 1);
  if (output < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
    return system_failure(ErrorId::Kernel, "dup2");
  return output;
}

Result<int> run(std::span<char*> words, Surroundings surroundings) {
  if (surroundings.lent_privileges)
    return failure(ErrorId::Setuid, "this file must be neither setuid nor have capabilities");
  const auto asked = parse(words);
  if (!asked) return std::unexpected(asked.error());
  if (asked->answer) {
    say(STDOUT_FILENO, *asked->answer);
    return EXIT_SUCCESS;
  }
  ::umask(S_IRWXG | S_IRWXO);
  if (auto done = sandbox::become_nobody(); !done) return std::unexpected(std::move(done).error());
  const auto output = take_output();
  if (!output) return output;
  if (asked->watch) return watch(asked->wanted, *output);
  const auto nvml = nvml::look(asked->wanted);
  say(*output, nvml::to_json(nvml));
  if (!nvml.error) return EXIT_SUCCESS;
  say(STDERR_FILENO, "nvhook-nvml: " + nvml.error->call + ": " + nvml.error->text + "\n");
  return kUnable;
}

// Without what the libraries have asked to be done at the end: it may hang, and it is all done.
[[noreturn]] void end(int status) { ::_exit(status); }

}  // namespace
}  // namespace nvhook

int main(int argc, char** argv) {
  using namespace nvhook;
  const auto fail = [](const Error& error) {
    say(STDERR_FILENO, "nvhook-nvml: " + error.text() + "\n");
    end(exit_status_of(error.id()));
  };
  try {
    const auto surroundings = clean_start(argv, nvml::kLastLibrary);
    const auto done = surroundings ? run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1),
                                         *surroundings)
                                   : Result<int>(std::unexpected(surroundings.error()));
    done ? end(*done) : fail(done.error());
  } catch (const std::bad_alloc&) {
    say(STDERR_FILENO, "nvhook-nvml: E_KERNEL: out of memory\n");
    end(exit_status_of(ErrorId::Kernel));
  } catch (const std::exception& bug) {  // our own code reports through Result
    fail(Error(ErrorId::Bug, bug.what()));
  }
}
