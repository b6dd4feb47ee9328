// SPDX-License-Identifier: Apache-2.0
#include "nvhook/apply/apply.hpp"

#include <sched.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "capture.hpp"
#include "identity.hpp"
#include "only_one.hpp"
#include "place.hpp"
#include "undo.hpp"

namespace nvhook::apply {
namespace {

void tell(const Observer& observer, const std::string& step) {
  if (observer) observer(step);
}

// The number of the node that a device mount brings: its rule has it, by the same target.
DeviceNumber number_of(const plan::Plan& plan, const plan::Mount& mount) {
  const auto rule = std::ranges::find(plan.devices, mount.target, &plan::Device::path);
  return rule == plan.devices.end() ? DeviceNumber{} : rule->number;
}

struct Captured {
  const plan::Mount* mount;
  UniqueFd tree;
};

Result<Capturer> open_capturer(const container::Procfs& procfs) {
  return Capturer::open(procfs.initial_user_namespace ? Capturer::OwnerView::Host
                                                      : Capturer::OwnerView::UserNamespace);
}

Result<std::vector<Captured>> capture_all(const plan::Plan& plan, const container::Procfs& procfs,
                                          const Observer& observer) {
  auto capturer = open_capturer(procfs);
  if (!capturer) return std::unexpected(std::move(capturer).error());
  std::vector<Captured> captured;
  captured.reserve(plan.mounts.size());
  for (const auto& mount : plan.mounts) {
    if (mount.state == plan::State::Present) continue;
    tell(observer, "capture " + mount.source.value);
    auto tree = capturer->capture(mount, number_of(plan, mount));
    if (!tree) return std::unexpected(std::move(tree).error());
    captured.push_back({&mount, std::move(*tree)});
  }
  return captured;
}

Result<void> place_all(const plan::Plan& plan, std::vector<Captured> captured, Placer& placer,
                       const Observer& observer) {
  for (auto& [mount, tree] : captured) {
    tell(observer, "mount " + mount->target.value);
    if (auto done = placer.place_mount(std::move(tree), mount->target); !done) return done;
  }
  for (const auto& link : plan.symlinks) {
    tell(observer, "link " + link.path.value);
    if (auto done = placer.place_link(link); !done) return done;
  }
  return {};
}

Result<void> allow_devices(const plan::Plan& plan, const cgroup::DeviceCgroup& cgroup,
                           const Observer& observer) {
  if (!cgroup.directory) return {};
  std::vector<DeviceNumber> numbers;
  numbers.reserve(plan.devices.size());
  for (const auto& device : plan.devices) numbers.push_back(device.number);
  tell(observer, "allow " + std::to_string(numbers.size()) + " devices in " + cgroup.path);
  auto allowed = cgroup::allow(cgroup, numbers);
  if (!allowed) return std::unexpected(std::move(allowed).error());
  return {};
}

}  // namespace

Result<void> check_sources(const plan::Plan& plan, const container::Procfs& procfs) {
  auto capturer = open_capturer(procfs);
  if (!capturer) return std::unexpected(std::move(capturer).error());
  for (const auto& mount : plan.mounts) {
    if (mount.state == plan::State::Present) continue;
    if (auto fine = capturer->check(mount, number_of(plan, mount)); !fine)
      return std::unexpected(std::move(fine).error());
  }
  return {};
}

Result<void> run(const plan::Plan& plan, const Target& target, const Observer& observer) {
  if (auto alone = be_the_only_one(target.process); !alone) return alone;
  auto captured = capture_all(plan, target.procfs, observer);
  if (!captured) return std::unexpected(std::move(captured).error());

  tell(observer, "enter mount namespace of process " + std::to_string(target.process.pid));
  if (::setns(target.process.mount_namespace.get(), CLONE_NEWNS) != 0)
    return system_failure(
        ErrorId::Ns, "enter the mount namespace of process " + std::to_string(target.process.pid));
  const auto identity = AsContainerRoot::become(target.process);
  if (!identity) return std::unexpected(Error(identity.error()));

  Undo undo(target.procfs.self_fds.get());
  Placer placer(target.rootfs, undo);
  try {
    auto done = place_all(plan, std::move(*captured), placer, observer);
    if (done) done = placer.verify();
    if (done) done = allow_devices(plan, target.cgroup, observer);
    if (!done) {
      tell(observer, "undo");
      undo.roll_back();
      return done;
    }
  } catch (...) {  // out of memory
    undo.roll_back();
    throw;
  }
  undo.commit();
  return {};
}

}  // namespace nvhook::apply
