// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/nvml/nvml.hpp"

// nvhook's end of nvhook-nvml, the one program in which vendor code runs.
namespace nvhook::nvml {

// A first look at a GPU that nobody uses takes 1 to 3 s, of a board of eight tens of seconds, where
// no persistence daemon runs.
inline constexpr std::chrono::milliseconds kDeadline{20'000};

struct Question {
  std::string program;  // path of nvhook-nvml; empty: program_beside_us()
  std::chrono::milliseconds deadline = kDeadline;
  std::string nvml;  // path of libnvidia-ml.so on this host
  std::string cuda;  // path of libcuda.so, to be asked as well; empty: it is not
  bool status = false;
  bool topology = false;
};

// The program gets the libraries as descriptors of these numbers.
inline constexpr int kFirstLibrary = 3;
inline constexpr int kLastLibrary = 4;

struct Answer {
  Nvml nvml;
  std::string document;  // as it came
};

// /usr/libexec/nvhook/nvhook-nvml of /usr/bin/nvhook.
[[nodiscard]] Result<std::string> program_beside_us();

// Starts the program, as nobody where we may change users, without a capability, with three
// descriptors and the libraries', and takes its answer. It is killed, with all that it started, at
// the deadline, when it says more than kMaxDocument, and with this process. Should the kernel not
// let it end, it is left behind. The calling process must be single-threaded. Fails with
//   E_NVML_ABSENT   the program or a library is not there, or could be somebody else's
//   E_NVML_TIMEOUT  no whole answer at the deadline
//   E_NVML_CRASHED  it was ended by a signal
//   E_NVML_FAILED   NVML could not be loaded or initialised: what it said
//   E_NVML_ANSWER   anything else but a document of ours
//   E_KERNEL        it could not be started, or not without privileges
[[nodiscard]] Result<Answer> ask(const Question& question);

}  // namespace nvhook::nvml
