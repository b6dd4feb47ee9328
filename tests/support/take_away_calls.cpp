// SPDX-License-Identifier: Apache-2.0
#include "support/take_away_calls.hpp"

#include <seccomp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace nvhook::test {
namespace {

struct Call {
  std::string_view name;
  int number;
};

// Those that libseccomp 2.5 is too old to know. They have one number on every machine.
// Source: linux/include/uapi/asm-generic/unistd.h.
constexpr std::array kNewest = {Call{"statmount", 457}, Call{"listmount", 458},
                                Call{"open_tree_attr", 467}};

constexpr std::string_view kStatxMountIds = "statx-mount-ids";
// Source: linux/include/uapi/linux/stat.h, STATX_MNT_ID and STATX_MNT_ID_UNIQUE.
constexpr std::array<std::uint64_t, 2> kMountIdMasks = {0x1000, 0x4000};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "without-calls: %s\n", why.c_str());
  std::abort();
}

int number_of(const std::string& name) {
  const auto* newest = std::ranges::find(kNewest, name, &Call::name);
  if (newest != kNewest.end()) return newest->number;
  const int number = seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) give_up("no system call " + name);
  return number;
}

struct Release {
  void operator()(scmp_filter_ctx filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

Filter empty_filter() {
  Filter filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) give_up("seccomp_init");
  // Root needs no no_new_privs for it, and what is tried shall not have it.
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_NNP, ::geteuid() == 0 ? 0 : 1);
  return filter;
}

std::uint32_t answer(int error) { return SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)); }

bool take_away(const Filter& filter, const std::string& call, int error) {
  if (call != kStatxMountIds)
    return seccomp_rule_add(filter.get(), answer(error), number_of(call), 0) == 0;
  return std::ranges::all_of(kMountIdMasks, [&](std::uint64_t mask) {
    // The fourth argument is what is asked for.
    return seccomp_rule_add(filter.get(), answer(error), SCMP_SYS(statx), 1,
                            SCMP_A3(SCMP_CMP_MASKED_EQ, mask, mask)) == 0;
  });
}

void install(const Filter& filter) {
  if (seccomp_load(filter.get()) != 0) give_up("seccomp_load");
}

}  // namespace

void take_away_calls(std::span<const std::string> calls, int error) {
  const auto filter = empty_filter();
  for (const auto& call : calls)
    if (!take_away(filter, call, error)) give_up("no filter for " + call);
  install(filter);
}

void fail_lookups(int error) {
  const auto filter = empty_filter();
  // The fourth argument is the size of the description; who asks what there is gives 0.
  if (seccomp_rule_add(filter.get(), answer(error), SCMP_SYS(openat2), 1,
                       SCMP_A3(SCMP_CMP_NE, 0)) != 0)
    give_up("no filter for openat2");
  install(filter);
}

const std::vector<std::string>& new_kernel_calls() {
  // By version: 5.2, 5.3, 5.6, 5.8, 5.9, 5.12, 6.6, 6.8, 6.15. statx itself is older (4.11).
  static const std::vector<std::string> calls = {"open_tree",
                                                 "move_mount",
                                                 "fsopen",
                                                 "fsconfig",
                                                 "fsmount",
                                                 "fspick",
                                                 "pidfd_open",
                                                 "openat2",
                                                 "pidfd_getfd",
                                                 "faccessat2",
                                                 "close_range",
                                                 "mount_setattr",
                                                 "fchmodat2",
                                                 "statmount",
                                                 "listmount",
                                                 "open_tree_attr",
                                                 std::string(kStatxMountIds)};
  return calls;
}

void take_away_new_calls() { take_away_calls(new_kernel_calls(), ENOSYS); }

}  // namespace nvhook::test
