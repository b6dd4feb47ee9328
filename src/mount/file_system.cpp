// SPDX-License-Identifier: Apache-2.0
#include "file_system.hpp"

#include <sys/mount.h>

#include <array>
#include <string>

#include "nvhook/mount/mount.hpp"

namespace nvhook::mount {

Result<UniqueFd> make_file_system(const char* type, std::span<const Parameter> parameters) {
  const std::string what(type);
  const UniqueFd context(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context) return system_failure(ErrorId::Kernel, "fsopen " + what);
  for (const auto& [key, value] : parameters)
    if (::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value, 0) != 0)
      return system_failure(ErrorId::Kernel, "fsconfig " + what + " " + key);
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return system_failure(ErrorId::Kernel, "fsconfig " + what);
  UniqueFd tree(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!tree) return system_failure(ErrorId::Kernel, "fsmount " + what);
  return tree;
}

Result<UniqueFd> make_tmpfs(const std::string& size, const std::string& label) {
  const std::array all = {Parameter{"mode", "0755"}, Parameter{"size", size.c_str()},
                          Parameter{"context", label.c_str()}};
  if (!label.empty()) {
    auto labelled = make_file_system("tmpfs", all);
    // Without SELinux the kernel knows no such parameter.
    if (labelled || labelled.error().code() != std::errc::invalid_argument) return labelled;
  }
  return make_file_system("tmpfs", std::span(all).first(2));
}

}  // namespace nvhook::mount
