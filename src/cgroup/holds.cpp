// SPDX-License-Identifier: Apache-2.0
#include "holds.hpp"

#include <string>
#include <utility>

#include "membership.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::cgroup {
namespace {

constexpr std::size_t kMaxProcsFile = std::size_t{8} << 20U;  // a million pids

}  // namespace

Result<void> holds_its_process(const DeviceCgroup& cgroup) {
  auto procs = files::read_kernel_file(cgroup.directory.get(), "cgroup.procs", kMaxProcsFile);
  if (!procs)
    return std::unexpected(std::move(procs).error().within(cgroup.path).as(ErrorId::Cgroup));
  if (!lists_process(*procs, cgroup.pid))
    return failure(ErrorId::Cgroup, "device cgroup " + quote(cgroup.path) +
                                        " does not hold process " + std::to_string(cgroup.pid));
  return {};
}

}  // namespace nvhook::cgroup
