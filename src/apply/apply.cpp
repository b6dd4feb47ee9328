// SPDX-License-Identifier: Apache-2.0
#include "nvhook/apply/apply.hpp"

#include <sched.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture.hpp"
#include "driver_view.hpp"
#include "harden.hpp"
#include "identity.hpp"
#include "interruption.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/mount/tier.hpp"
#include "nvhook/plan/make_plan.hpp"
#include "only_one.hpp"
#include "place.hpp"
#include "tree.hpp"
#include "undo.hpp"

namespace nvhook::apply {
namespace {

using sandbox::Phase;

void tell(const Observer& observer, const std::string& step) {
  if (observer) observer(step);
}

// Mostly nobody listens, and the words are not made.
void tell(const Observer& observer, std::string_view what, const std::string& path) {
  if (observer) observer(std::string(what) + " " + quote(path));
}

// The number of the node that a device mount brings: its rule has it, by the same target.
DeviceNumber number_of(const plan::Plan& plan, const plan::Mount& mount) {
  const auto rule = std::ranges::find(plan.devices, mount.target, &plan::Device::path);
  return rule == plan.devices.end() ? DeviceNumber{} : rule->number;
}

Capturer::OwnerView view_from(const container::Procfs& procfs) {
  return procfs.initial_user_namespace ? Capturer::OwnerView::Host
                                       : Capturer::OwnerView::UserNamespace;
}

// A file that the container can do without, and that this host does not let be handed on.
std::optional<Warning> skipped(const plan::Mount& mount, const Error& error) {
  if (!plan::is_dispensable(mount.kind) ||
      (error.id() != ErrorId::SrcTrust && error.id() != ErrorId::SrcChanged))
    return std::nullopt;
  return Warning{WarningId::FileSkipped,
                 quote(mount.target.value) + " is not in the container: " + error.message()};
}

Result<std::vector<Captured>> capture_all(const plan::Plan& plan, const Target& target,
                                          const Observer& observer,
                                          std::vector<Warning>& warnings) {
  const auto tier = mount::find_tier();
  if (!tier) return std::unexpected(tier.error());
  auto capturer = Capturer::open(view_from(target.procfs));
  if (!capturer) return std::unexpected(std::move(capturer).error());
  std::vector<Captured> captured;
  captured.reserve(plan.mounts.size());
  for (const auto& mount : plan.mounts) {
    if (mount.state == plan::State::Present) continue;
    tell(observer, "capture", mount.source.value);
    auto source =
        capturer->capture(mount, number_of(plan, mount), *tier, target.process.root.get());
    if (!source) {
      auto warning = skipped(mount, source.error());
      if (!warning) return std::unexpected(std::move(source).error());
      warnings.push_back(*std::move(warning));
      continue;
    }
    captured.push_back({&mount, std::move(*source)});
  }
  return captured;
}

struct Hardened {
  std::optional<UniqueFd> tree;
  std::optional<UniqueFd> driver_view;
  std::vector<Captured> captured;
  std::vector<Warning> warnings;
};

Result<Hardened> capture_sealed(const plan::Plan& plan, const Target& target,
                                const Observer& observer) {
  std::vector<Warning> warnings;
  auto captured = capture_all(plan, target, observer, warnings);
  if (!captured) return std::unexpected(std::move(captured).error());
  std::ranges::move(seal(*captured, target.procfs, view_from(target.procfs)),
                    std::back_inserter(warnings));
  return Hardened{{}, {}, std::move(*captured), std::move(warnings)};
}

Result<Hardened> capture_hardened(const plan::Plan& plan, const Target& target,
                                  const Observer& observer) {
  auto hardened = capture_sealed(plan, target, observer);
  if (!hardened) return hardened;
  auto not_locked = lock(hardened->captured, target.process);
  if (not_locked.empty()) return hardened;
  hardened = capture_sealed(plan, target, observer);
  if (hardened) std::ranges::move(not_locked, std::back_inserter(hardened->warnings));
  return hardened;
}

// With the file systems that are made for the plan.
Result<Hardened> capture_and_build(const plan::Plan& plan, const Target& target,
                                   const Observer& observer) {
  auto hardened = capture_hardened(plan, target, observer);
  if (!hardened || (!plan.tree && !plan.driver_view)) return hardened;
  const auto tier = mount::find_tier();
  if (!tier) return std::unexpected(tier.error());
  auto tree = build_tree(plan, *tier);
  if (!tree) return std::unexpected(std::move(tree).error());
  hardened->tree = std::move(*tree);
  if (!plan.driver_view) return hardened;
  auto view = build_driver_view(*plan.driver_view, plan.mount_label, *tier);
  if (!view) return std::unexpected(std::move(view).error());
  hardened->driver_view = std::move(*view);
  return hardened;
}

Result<void> enter(const container::Process& process) {
  if (::setns(process.mount_namespace.get(), CLONE_NEWNS) != 0)
    return system_failure(ErrorId::Ns,
                          "enter the mount namespace of process " + std::to_string(process.pid));
  return {};
}

// The file that the loader reads: mounted over the image's, or ready to be exchanged for it.
Result<void> place_loader_file(const plan::Plan& plan, bool tree_has_it, Placer& placer,
                               const Observer& observer) {
  const auto& loader = plan.loader;
  if (loader.path.value.empty()) return {};
  tell(observer, "loader file", loader.path.value);
  if (loader.action != plan::CacheAction::Bind)
    return placer.prepare_file(loader.path, loader.bytes, loader.former.has_value(),
                               loader.former ? loader.former->content.label : std::string());
  if (!plan.tree) return failure(ErrorId::Bug, "a loader file to mount, and no tree that has it");
  if (!tree_has_it)
    if (auto done = placer.place_file(*plan.tree / kLoaderFileInTree, loader.bytes); !done)
      return done;
  auto file = placer.hold_file(*plan.tree, kLoaderFileInTree);
  if (!file) return std::unexpected(std::move(file).error());
  return placer.place_mount(std::move(*file), loader.path);
}

Result<void> place_all(const plan::Plan& plan, Hardened hardened, Placer& placer,
                       const Observer& observer) {
  const bool tree_is_built = hardened.tree.has_value();
  if (hardened.tree) {
    tell(observer, "tree", plan.tree->value);
    if (auto done = placer.place_tree(std::move(*hardened.tree), *plan.tree); !done) return done;
  }
  for (auto& [mount, source] : hardened.captured) {
    tell(observer, "mount", mount->target.value);
    auto done = mount->kind == plan::Kind::Directory
                    ? placer.place_directory(std::move(source), mount->target)
                    : placer.place_mount(std::move(source), mount->target);
    if (!done) return done;
  }
  for (const auto& link : plan.symlinks) {
    if (tree_is_built && is_in_tree(plan, link.path)) continue;
    tell(observer, "link", link.path.value);
    if (auto done = placer.place_link(link); !done) return done;
  }
  for (const auto& file : plan.files) {
    tell(observer, "file", file.path.value);
    if (auto done = placer.place_file(file.path, file.content); !done) return done;
  }
  return place_loader_file(plan, tree_is_built, placer, observer);
}

Result<void> place_view(const plan::Plan& plan, std::optional<UniqueFd> built, const Target& target,
                        Undo& undo, const Observer& observer) {
  if (!plan.driver_view) return {};
  tell(observer, "view", plan.driver_view->target.value);
  return place_driver_view(*plan.driver_view, std::move(built), plan.mount_label, target.rootfs,
                           undo, target.procfs.self_fds.get());
}

Result<void> allow_devices(const plan::Plan& plan, const Target& target, Undo& undo,
                           const Observer& observer) {
  const auto& cgroup = target.cgroup;
  if (!cgroup.directory) return {};
  std::vector<DeviceNumber> numbers;
  numbers.reserve(plan.devices.size());
  for (const auto& device : plan.devices) numbers.push_back(device.number);
  tell(observer, "allow " + std::to_string(numbers.size()) + " devices in " + cgroup.path);
  undo.make_room();
  auto allowed = cgroup::allow(cgroup, numbers, target.device_rules);
  if (!allowed) return std::unexpected(std::move(allowed).error());
  undo.allowed(cgroup, std::move(*allowed));
  return {};
}

// Everything that is done inside the container, and to its cgroup.
Result<void> change(const plan::Plan& plan, Hardened hardened, const Target& target, Placer& placer,
                    Undo& undo, const Observer& observer) {
  auto done = place_view(plan, std::move(hardened.driver_view), target, undo, observer);
  if (done) done = place_all(plan, std::move(hardened), placer, observer);
  if (done) done = placer.verify();
  if (done) done = not_interrupted();
  if (done) done = allow_devices(plan, target, undo, observer);
  if (done) done = not_interrupted();
  if (done) done = placer.exchange();
  if (done) {
    undo.commit();
    return {};
  }
  tell(observer, "undo");
  undo.roll_back();
  return done;
}

}  // namespace

Result<void> check_sources(const plan::Plan& plan, const container::Procfs& procfs) {
  auto capturer = Capturer::open(view_from(procfs));
  if (!capturer) return std::unexpected(std::move(capturer).error());
  for (const auto& mount : plan.mounts) {
    if (mount.state == plan::State::Present) continue;
    auto fine = capturer->check(mount, number_of(plan, mount));
    if (!fine && !skipped(mount, fine.error())) return std::unexpected(std::move(fine).error());
  }
  return {};
}

Result<Done> run(const plan::Plan& plan, const Target& target, const Observer& observer) {
  if (auto alone = be_the_only_one(target.process); !alone)
    return std::unexpected(std::move(alone).error());
  hold_back_signals();
  if (auto done = target.phases.begin(Phase::Capture); !done)
    return std::unexpected(std::move(done).error());
  auto hardened = capture_and_build(plan, target, observer);
  if (!hardened) return std::unexpected(std::move(hardened).error());
  auto warnings = std::move(hardened->warnings);

  if (auto done = target.phases.begin(Phase::Enter); !done)
    return std::unexpected(std::move(done).error());
  tell(observer, "enter mount namespace of process " + std::to_string(target.process.pid));
  if (auto entered = enter(target.process); !entered)
    return std::unexpected(std::move(entered).error());
  if (auto done = become_container_root(target.process); !done)
    return std::unexpected(std::move(done).error());

  if (auto done = target.phases.begin(Phase::Place); !done)
    return std::unexpected(std::move(done).error());
  Undo undo(target.procfs.self_fds.get());
  // Holds the directories that undo works in.
  Placer placer(target.rootfs, undo, target.procfs.self_fds.get(), plan.tree);
  try {
    if (auto done = change(plan, std::move(*hardened), target, placer, undo, observer); !done)
      return std::unexpected(std::move(done).error());
  } catch (...) {  // out of memory
    undo.roll_back();
    throw;
  }
  return Done{.made = std::move(placer).take_made(), .warnings = std::move(warnings)};
}

}  // namespace nvhook::apply
