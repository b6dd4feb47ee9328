// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace nvhook::test {

// Makes the procfs at `proc` show a driver, as it does on a machine that has one: by a tmpfs over
// its directory "driver", for procfs itself takes no names. Gives 0, or -1 and errno.
inline int show_driver_in(const std::filesystem::path& proc) {
  const auto driver = proc / "driver";
  if (::mount("tmpfs", driver.c_str(), "tmpfs", 0, "mode=755") != 0) return -1;
  const auto directory = driver / "nvidia";
  if (::mkdir(directory.c_str(), 0755) != 0) return -1;
  for (const std::string name : {"params", "version", "suspend"})
    std::ofstream(directory / name) << "the kernel's " << name << '\n';
  return 0;
}

}  // namespace nvhook::test
