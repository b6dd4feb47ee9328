// SPDX-License-Identifier: Apache-2.0
#include "identity.hpp"

#include <sys/capability.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace nvhook::apply {
namespace {

// setfsuid(2) has no error: asking again with an invalid id tells what holds.
bool switch_to(uid_t uid, gid_t gid) {
  constexpr auto kAsk = static_cast<unsigned>(-1);
  ::setfsgid(gid);
  ::setfsuid(uid);
  return static_cast<gid_t>(::setfsgid(kAsk)) == gid && static_cast<uid_t>(::setfsuid(kAsk)) == uid;
}

// Leaving fsuid 0 drops the file capabilities (capabilities(7)); library directories without write
// permission, as RHEL has them, need this one back.
bool raise_dac_override() {
  struct Free {
    void operator()(cap_t set) const { ::cap_free(set); }
  };
  using Set = std::unique_ptr<std::remove_pointer_t<cap_t>, Free>;
  const Set set(::cap_get_proc());
  constexpr cap_value_t kWanted = CAP_DAC_OVERRIDE;
  return set && ::cap_set_flag(set.get(), CAP_EFFECTIVE, 1, &kWanted, CAP_SET) == 0 &&
         ::cap_set_proc(set.get()) == 0;
}

}  // namespace

Result<AsContainerRoot> AsContainerRoot::become(const container::Process& process) {
  if (process.mapped_root == ::geteuid() && process.mapped_root_group == ::getegid())
    return AsContainerRoot(false);
  AsContainerRoot guard(true);
  if (!switch_to(process.mapped_root, process.mapped_root_group) || !raise_dac_override())
    return failure(ErrorId::Userns, "cannot act as the container's root, user " +
                                        std::to_string(process.mapped_root));
  return guard;
}

AsContainerRoot::AsContainerRoot(AsContainerRoot&& other) noexcept
    : changed_(std::exchange(other.changed_, false)) {}

AsContainerRoot::~AsContainerRoot() {
  if (changed_) switch_to(::geteuid(), ::getegid());
}

}  // namespace nvhook::apply
