// SPDX-License-Identifier: Apache-2.0
// A program in the place of nvhook-nvml, which does what its file's name says; with --watch, once
// for each line that it reads.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace {

std::string own_name() {
  std::array<char, 4096> path{};
  const auto size = ::readlink("/proc/self/exe", path.data(), path.size());
  const std::string text(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return text.substr(text.rfind('/') + 1);
}

// A document with the text as the driver's version.
std::string document(const std::string& text) {
  return R"({"schema":"nvhook.nvml/1","error":null,"driver":")" + text +
         R"(","nvml":null,"cuda":null,"gpus":[]})";
}

// Lines of /proc/self/status, without tabs, and what else was inherited.
std::string about_us() {
  int descriptors = 0;
  for (int fd = 0; fd < 1000; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) ++descriptors;
  std::string text;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    for (const auto* key : {"Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:", "CapBnd:", "CapInh:",
                            "CapAmb:", "NoNewPrivs:"})
      if (line.starts_with(key)) {
        for (auto& c : line)
          if (c == '\t') c = ' ';
        text += line + ";";
      }
  int environment = 0;
  for (char** each = ::environ; *each != nullptr; ++each) ++environment;
  return text + "environment " + std::to_string(environment) + ";descriptors " +
         std::to_string(descriptors);
}

// Which process this is, and what it was asked.
void answer(const std::string& line) {
  std::cout << document(std::to_string(::getpid()) + " " + line) << "\n" << std::flush;
}

int watch(const std::string& name) {
  int answers = 0;
  for (std::string line; std::getline(std::cin, line); ++answers) {
    if (name == "about") std::cout << document(about_us()) << "\n" << std::flush;
    if (name == "patient") answer(line);
    if (name == "rubbish") std::cout << "Segmentation fault\n" << std::flush;
    if (name == "prattling") {
      answer(line);
      ::usleep(50'000);
      answer("something else");
    }
    if (name == "once") {
      if (answers > 0) return 42;
      answer(line);
    }
    if (name == "silent")
      for (;;) ::pause();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto name = own_name();
  for (const std::string_view word : std::span(argv, static_cast<std::size_t>(argc)))
    if (word == "--watch") return watch(name);
  if (name == "about") std::cout << document(about_us());
  if (name == "words") {
    std::string words;
    for (int i = 0; i < argc; ++i) words += std::string(i == 0 ? "" : " ") + argv[i];
    std::cout << document(words);
  }
  if (name == "endless")
    for (;;) std::cout << "[";
  if (name == "deep") std::cout << std::string(500'000, '[');
  if (name == "rubbish") std::cout << "Segmentation fault\n";
  if (name == "numbers") std::cout << R"({"schema":"nvhook.nvml/1","error":{"code":1e99999999}})";
  if (name == "silent") return 0;
  if (name == "status") return 42;
  if (name == "unable") return 3;
  if (name == "dribbling")
    for (;;) {
      std::cout << " " << std::flush;
      ::usleep(10'000);
    }
  if (name == "lingering") {  // says it all, closes its output, and stays
    std::cout << document("x") << std::flush;
    ::close(1);
    ::pause();
  }
  if (name == "stubborn") {  // takes no signal that can be refused, and has a child in its place
    for (int signal = 1; signal < 32; ++signal) std::signal(signal, SIG_IGN);
    if (::fork() == 0) ::prctl(PR_SET_NAME, "nvhook-stubborn", 0, 0, 0);
    for (;;) ::pause();
  }
  if (name == "leaving") {  // leaves a child that holds its output
    if (::fork() == 0)
      for (;;) ::pause();
    std::cout << document("x") << std::flush;
  }
  return 0;
}
