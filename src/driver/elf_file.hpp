// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/elf/elf.hpp"

namespace nvhook::driver {

// A shared object that was read in parts; the views of `library` point into `parts`.
struct ElfFile {
  std::deque<std::string> parts;  // a deque: what is in it stays where it is
  elf::Library library;
};

// Parses the shared object behind `fd`, which was opened for reading. Fails with E_DRIVER_READ for
// what is no such file, and with E_KERNEL and the kernel's code if it cannot be read.
[[nodiscard]] Result<ElfFile> read_elf(int fd);

}  // namespace nvhook::driver
