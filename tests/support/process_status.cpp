// SPDX-License-Identifier: Apache-2.0
#include "support/process_status.hpp"

#include <linux/capability.h>

#include <array>
#include <fstream>
#include <utility>

namespace nvhook::test {
namespace {

constexpr std::array<std::pair<unsigned, const char*>, 7> kNames = {{
    {CAP_DAC_OVERRIDE, "dac_override"},
    {CAP_NET_ADMIN, "net_admin"},
    {CAP_SETGID, "setgid"},
    {CAP_SETUID, "setuid"},
    {CAP_SYS_ADMIN, "sys_admin"},
    {CAP_SYS_CHROOT, "sys_chroot"},
    {CAP_SYS_PTRACE, "sys_ptrace"},
}};

}  // namespace

ProcessStatus status_of(pid_t pid) {
  ProcessStatus status;
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string key, value; in >> key && std::getline(in, value);) {
    const auto set = [&] { return std::stoull(value, nullptr, 16); };
    if (key == "CapInh:") status.inheritable = set();
    if (key == "CapPrm:") status.permitted = set();
    if (key == "CapEff:") status.effective = set();
    if (key == "CapBnd:") status.bounding = set();
    if (key == "CapAmb:") status.ambient = set();
    if (key == "NoNewPrivs:") status.no_new_privileges = std::stoi(value) == 1;
    if (key == "Seccomp:") status.seccomp = std::stoi(value);
  }
  return status;
}

std::string names_of(std::uint64_t set) {
  std::string text;
  const auto take = [&](unsigned number, const std::string& name) {
    const auto bit = std::uint64_t{1} << number;
    if ((set & bit) == 0) return;
    set &= ~bit;
    text += (text.empty() ? "" : " ") + name;
  };
  for (const auto& [number, name] : kNames) take(number, name);
  for (unsigned number = 0; number < 64; ++number) take(number, std::to_string(number));
  return text;
}

}  // namespace nvhook::test
