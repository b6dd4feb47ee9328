// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/nvml/ask.hpp"

// nvhook-nvml as a process of ours.
namespace nvhook::nvml {

// How a process ends that cannot become the program.
inline constexpr int kNotConfined = 125;
inline constexpr int kNotExecuted = 126;
inline constexpr int kOutOfMemory = 127;

struct Files {
  UniqueFd program;
  UniqueFd nvml;
  UniqueFd cuda;  // empty: it is not asked
};

// Fails with E_NVML_ABSENT if one is not there, or could be somebody else's.
[[nodiscard]] Result<Files> open_files(const Question& question);

// Its command line, as far as it names the libraries.
[[nodiscard]] std::vector<std::string> words_with(const Files& files);

// Puts the descriptors at the numbers from kFirstLibrary on, in this order; the libraries' are kept
// when a program is executed. Everything above goes, whoever has left it open.
[[nodiscard]] bool settle(std::span<const int> descriptors);

// This process is killed when the one that started it ends. A change of users undoes it.
void end_with(pid_t parent);

// In the process that is to be the program: it leads a session, and has these streams.
struct Streams {
  int in = -1;  // nothing to be read
  int out;
};
[[noreturn]] void become(const Files& files, std::vector<std::string> words, Streams streams,
                         pid_t parent);

}  // namespace nvhook::nvml
