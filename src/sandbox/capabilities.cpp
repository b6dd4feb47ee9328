// SPDX-License-Identifier: Apache-2.0
#include "capabilities.hpp"

#include <sys/prctl.h>

#include <array>
#include <cerrno>
#include <memory>
#include <type_traits>

namespace nvhook::sandbox {
namespace {

struct Free {
  void operator()(cap_t sets) const { ::cap_free(sets); }
};
using Sets = std::unique_ptr<std::remove_pointer_t<cap_t>, Free>;

bool raise(const Sets& sets, cap_flag_t which, CapabilitySet members) {
  std::array<cap_value_t, 64> list{};
  int size = 0;
  for (cap_value_t each = 0; each < cap_max_bits(); ++each)
    if ((members & set_of({each})) != 0) list[static_cast<std::size_t>(size++)] = each;
  return size == 0 || ::cap_set_flag(sets.get(), which, size, list.data(), CAP_SET) == 0;
}

}  // namespace

Result<CapabilitySet> permitted_capabilities() {
  const Sets sets(::cap_get_proc());
  if (!sets) return system_failure(ErrorId::Kernel, "read the process's capabilities");
  CapabilitySet permitted = 0;
  for (cap_value_t each = 0; each < cap_max_bits(); ++each) {
    cap_flag_value_t value = CAP_CLEAR;
    if (::cap_get_flag(sets.get(), each, CAP_PERMITTED, &value) == 0 && value == CAP_SET)
      permitted |= set_of({each});
  }
  return permitted;
}

Result<void> hold_capabilities(CapabilitySet permitted, CapabilitySet effective) {
  const Sets sets(::cap_init());
  if (!sets || !raise(sets, CAP_PERMITTED, permitted) || !raise(sets, CAP_EFFECTIVE, effective) ||
      ::cap_set_proc(sets.get()) != 0)
    return system_failure(ErrorId::Kernel, "give up capabilities");
  return {};
}

Result<void> bequeath_no_capabilities() {
  // Kernels before 4.3 have no ambient set. (libcap's own call asks for each member first.)
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
    return system_failure(ErrorId::Kernel, "empty the ambient capabilities");
  for (cap_value_t each = 0; each < cap_max_bits(); ++each) {
    if (::cap_drop_bound(each) == 0) continue;
    if (errno == EPERM) return {};
    return system_failure(ErrorId::Kernel, "empty the bounding capabilities");
  }
  return {};
}

}  // namespace nvhook::sandbox
