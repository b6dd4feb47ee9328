// SPDX-License-Identifier: Apache-2.0
#include "serve.hpp"

#include <unistd.h>

#include <array>
#include <string>

#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook {

Result<void> become_companion(char** argv) {
  std::array<char, kMaxPath + 1> own{};
  const auto size = ::readlink("/proc/self/exe", own.data(), own.size());
  if (size < 0) return system_failure(ErrorId::Kernel, "readlink /proc/self/exe");
  std::string path(own.data(), static_cast<std::size_t>(size));
  path.replace(path.rfind('/') + 1, path.npos, "nvhook-companion");
  std::string name = "nvhook-companion";
  argv[0] = name.data();
  ::alarm(0);  // the hook's last resort; this one is to last
  std::array<char*, 1> no_environment = {nullptr};
  ::execve(path.c_str(), argv, no_environment.data());
  return system_failure(
      ErrorId::Usage, "execute " + quote(path) + ", which is not of every installation of nvhook");
}

}  // namespace nvhook
