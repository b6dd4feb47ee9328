// SPDX-License-Identifier: Apache-2.0
#include "nvhook/plan/make_plan.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <ranges>
#include <set>
#include <string_view>
#include <utility>

#include "driver_view.hpp"
#include "names.hpp"
#include "nvhook/base/quote.hpp"
#include "settle_loader.hpp"

namespace nvhook::plan {
namespace {

using container::DirectoryFacts;
using container::Found;
using container::MountKind;
using container::Place;
using container::Standing;

// Whether a runtime will make a /dev of its own by the bundle's word: a tmpfs, not covered by a
// later mount. Of a container that exists, the survey knows better.
bool runtime_makes_dev(const oci::Config& config) {
  bool tmpfs = false;
  for (const auto& mount : config.mounts)
    if (mount.destination == "/dev" || mount.destination == "/dev/") tmpfs = mount.type == "tmpfs";
  return tmpfs;
}

// Whether the container's processes may change mounts in this host's user namespace: they can make
// a read-only mount writable again. In a user namespace of their own the mounts are locked instead.
bool can_remount(const Inputs& in) {
  const auto& namespaces = in.config.namespaces;
  const bool is_meant_to_have_one =
      std::ranges::find(namespaces, "user", &oci::Namespace::type) != namespaces.end();
  return in.config.sys_admin && !in.own_user_namespace.value_or(is_meant_to_have_one);
}

// Whether the link leads to another driver's file of the name that is due: "libcuda.so.535.104.05"
// where "libcuda.so.550.54.14" or "libcuda.so.1" is. A driver's version begins with a number of
// three digits; that of GLVND's "libGL.so.1.7.0" does not.
bool names_other_version(std::string_view link_text, std::string_view due) {
  const auto file = link_text.substr(link_text.rfind('/') + 1);
  const auto so = due.find(".so.");
  if (so == due.npos) return false;
  const auto stem = due.substr(0, so + 4);
  if (!file.starts_with(stem)) return false;
  const auto version = file.substr(stem.size());
  return version.find('.') != version.npos && version.find('.') >= 3 &&
         std::ranges::all_of(version, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

MountOptions options_of(Kind kind) {
  switch (kind) {
    case Kind::Library:
    case Kind::Library32:
    case Kind::Binary:
    case Kind::Firmware:
    case Kind::Config:
      return kFileMount;
    case Kind::Device:
      return kDeviceMount;
    case Kind::Directory:
    case Kind::Socket:
      return kSocketMount;
    case Kind::Procfs:
      return kReadOnlyMount;
  }
  std::abort();  // every enumerator is handled above
}

bool is_below_dev(const Place& place) {
  return place.directory.value == "/dev" || place.directory.value.starts_with("/dev/");
}

class Planner {
 public:
  explicit Planner(const Inputs& inputs)
      : in_(inputs),
        runtime_will_make_dev_(runtime_makes_dev(inputs.config)),
        seals_(can_remount(inputs)) {}

  Result<Plan> plan(Draft draft) && {
    plan_.container = in_.container;
    if (!in_.container.pid)
      plan_.unknown = {Unknown::Cgroup, Unknown::PresentNodes, Unknown::Propagation};
    plan_.request = in_.request;
    plan_.driver_version = in_.driver.version;
    plan_.driver_root = in_.driver.root;
    plan_.mount_label = in_.config.mount_label;
    plan_.gpus = std::move(draft.gpus);
    plan_.omitted = std::move(draft.omitted);
    plan_.warnings = in_.driver.warnings;
    std::ranges::move(draft.warnings, std::back_inserter(plan_.warnings));
    warn_about_image();
    if (draft.tree)
      if (auto done = settle_tree(*draft.tree); !done)
        return std::unexpected(std::move(done).error());
    for (const auto& mount : draft.mounts) {
      // The image may have one directory under two names, for both kinds of libraries.
      if (!taken_.insert(target_of(mount.place)).second) {
        plan_.omitted.push_back({mount.source, "another file of that name is injected already"});
        continue;
      }
      if (!is_wanted(mount)) continue;
      if (auto done = add_mount(mount); !done) return std::unexpected(std::move(done).error());
    }
    for (const auto& link : draft.links) {
      if (!taken_.insert(target_of(link.place)).second) continue;
      auto done = add_link(link);
      if (!done && is_dispensable(link.kind))
        miss(link.place, done.error());
      else if (!done)
        return std::unexpected(std::move(done).error());
    }
    for (auto& file : draft.files) add_file(std::move(file));
    for (const auto& grant : draft.grants) add_grant(grant);
    warn_about_programs();
    warn_about_missed();
    settle_driver_view();
    settle_loader(plan_, in_);
    return std::move(plan_);
  }

 private:
  // A bundle's runtime has not mounted its /dev yet; what the image has there will be covered.
  [[nodiscard]] bool on_future_dev(const Place& place) const {
    return !in_.container.pid && runtime_will_make_dev_ && is_below_dev(place);
  }
  [[nodiscard]] bool in_tree(const Place& place) const {
    return plan_.tree && place.directory.value.starts_with(drafted_tree_);
  }
  [[nodiscard]] const Found& found_at(const Place& place) const {
    static const Found kNothing;
    return on_future_dev(place) || in_tree(place) ? kNothing : in_.survey.places.at(place);
  }
  [[nodiscard]] MountKind mount_of(const Place& place) const {
    return on_future_dev(place) ? MountKind::Dev : directory_of(place).mount;
  }
  [[nodiscard]] const DirectoryFacts& directory_of(const Place& place) const {
    return in_.survey.directories.at(place.directory);
  }
  [[nodiscard]] ContainerPath target_of(const Place& place) const {
    if (in_tree(place))
      return ContainerPath{plan_.tree->value + '/' +
                           place.directory.value.substr(drafted_tree_.size())} /
             place.name;
    if (on_future_dev(place)) return place.directory / place.name;
    return directory_of(place).resolved / place.name;
  }

  void warn_about_image() {
    if (in_.image.empty)
      plan_.warnings.push_back(
          {WarningId::RootfsEmpty, "the root file system " + quote(in_.container.rootfs) +
                                       " is empty: library directories are a guess"});
    else if (!in_.image.loader)
      plan_.warnings.push_back({WarningId::NoLoader,
                                "the image has no dynamic loader: its programs can open the GPUs, "
                                "but cannot load the driver's libraries"});
  }

  // Where the directory of ours is mounted: over nothing, or over one of the image's.
  Result<void> settle_tree(const Place& place) {
    if (auto fine = check_directory_to_cover(place); !fine) return fine;
    const auto path = target_of(place);
    if (found_at(place).standing == Standing::Nothing) {
      note_directories(place);
      plan_.directories.push_back(path);
    }
    plan_.tree = path;
    drafted_tree_ = (place.directory / place.name).value + "/";
    return {};
  }

  // The directories that have to be made for the place.
  void note_directories(const Place& place) {
    if (on_future_dev(place)) {
      if (place.directory.value != "/dev") note_directory(place.directory);
      return;
    }
    const auto& directory = directory_of(place);
    std::vector<ContainerPath> missing;
    auto path = directory.resolved;
    for (std::size_t i = 0; i < directory.missing; ++i, path = path.parent())
      missing.push_back(path);
    for (const auto& each : missing | std::views::reverse) note_directory(each);
  }
  void note_directory(const ContainerPath& path) {
    if (std::ranges::find(plan_.directories, path) == plan_.directories.end())
      plan_.directories.push_back(path);
  }

  // Whether something new may be made or mounted at the place.
  [[nodiscard]] Result<void> check_directory(const Place& place) const {
    const auto& directory = directory_of(place);
    if (!directory.trouble.empty()) return failure(ErrorId::DstResolve, directory.trouble);
    const bool is_dev = is_below_dev(place);
    if (is_dev && !on_future_dev(place) && directory.resolved != place.directory)
      return failure(ErrorId::DstResolve, quote(place.directory.value) + " is a link to " +
                                              quote(directory.resolved.value) + " in the image");
    const auto mount = mount_of(place);
    if (mount != MountKind::Rootfs && !(is_dev && mount == MountKind::Dev))
      return failure(ErrorId::DstForeignMount,
                     quote(directory.resolved.value) +
                         " lies in a volume or another file system of the container; nothing is "
                         "made there (do not mount over the directories of the driver)");
    if (directory.shared)
      return failure(ErrorId::Propagation,
                     "mounts in " + quote(directory.resolved.value) +
                         " would appear on the host: use a private or slave propagation for the "
                         "container's root");
    return {};
  }

  // Whether a directory can be mounted at the place: over nothing, or over one of the image's.
  [[nodiscard]] Result<void> check_directory_to_cover(const Place& place) const {
    if (auto fine = check_directory(place); !fine) return fine;
    const auto& found = found_at(place);
    if (found.standing == Standing::Nothing) return check_new_name(place);
    const auto path = target_of(place);
    if (found.standing != Standing::Directory)
      return failure(ErrorId::DstType, quote(path.value) + " is " +
                                           std::string(name_of(found.standing)) +
                                           " in the image, a directory is due");
    if (found.other_mount)
      return failure(ErrorId::DstForeignMount,
                     quote(path.value) +
                         " is a mount of the container's own already: take it away, or use layout "
                         "\"system\" and no mps_directory there");
    return {};
  }

  // Whether the place may get a name, or another link in the place of a stale one.
  [[nodiscard]] Result<void> check_new_name(const Place& place) const {
    if (root_is_read_only(in_) && mount_of(place) == MountKind::Rootfs)
      return failure(ErrorId::DstReadOnly,
                     quote(target_of(place).value) +
                         (found_at(place).standing == Standing::Nothing ? " does not exist"
                                                                        : " is a stale link") +
                         " and the container's root is read-only; nvhook never writes to a "
                         "read-only root (root.readonly)");
    if (directory_of(place).fixed)
      return failure(ErrorId::DstReadOnly,
                     quote(directory_of(place).resolved.value) +
                         " is append-only or immutable: what is made there could not be taken away "
                         "again (chattr -ai)");
    return {};
  }

  // Whether the mount can be made, of those that a container can do without.
  [[nodiscard]] bool is_wanted(const DraftMount& draft) {
    if (!is_dispensable(draft.kind)) return true;
    if (draft.in_present_directory && !directory_of(draft.place).exists) return false;
    const auto fine = draft.kind == Kind::Directory
                          ? check_directory_to_cover(draft.place)
                          : check_target(draft.place, found_at(draft.place));
    if (fine) return true;
    plan_.omitted.push_back({draft.source, "no place in the container: " + fine.error().message()});
    // The host's own /dev, say: the nodes are there.
    if (draft.holds_nodes && found_at(draft.place).standing == Standing::Directory) return false;
    // The kernel loads firmware by itself since Linux 5.7, and a client without a daemon's socket
    // goes on without the daemon: nobody is to be told.
    if (draft.kind != Kind::Firmware && draft.kind != Kind::Socket) miss(draft.place, fine.error());
    return false;
  }

  void miss(const Place& place, const Error& error) {
    missed_.emplace_back(place.directory / place.name, error.message());
  }

  // One warning, whatever the number.
  void warn_about_missed() {
    if (missed_.empty()) return;
    const auto& [path, why] = missed_.front();
    auto text = quote(path.value);
    if (const auto others = missed_.size() - 1; others > 0)
      text += " and " + std::to_string(others) + (others == 1 ? " other file" : " other files");
    text += missed_.size() == 1 ? " is" : " are";
    plan_.warnings.push_back({WarningId::FileSkipped, text + " not in the container: " + why});
  }

  void add_file(DraftFile draft) {
    if (!taken_.insert(target_of(draft.place)).second) return;
    auto fine = found_at(draft.place).standing == Standing::Nothing
                    ? check_target(draft.place, found_at(draft.place))
                    : failure(ErrorId::DstType, "the image has one of its own");
    if (!fine) {
      miss(draft.place, fine.error());
      return;
    }
    note_directories(draft.place);
    plan_.files.push_back({target_of(draft.place), std::move(draft.content)});
  }

  void settle_driver_view() {
    auto view = driver_view(in_.procfs.wanted, in_.driver, in_.request, plan_.gpus);
    if (!view) return;
    const auto& trouble = in_.procfs.trouble;
    if (trouble.empty())
      plan_.driver_view = std::move(view);
    else if (in_.procfs.kernel_shows_nothing)
      plan_.omitted.push_back({view->source, "no place in the container: " + trouble});
    else
      plan_.warnings.push_back(
          {WarningId::ProcfsSkipped,
           "what the container sees of the driver in /proc is not changed: " + trouble});
  }

  // Leave to open what comes to the container with a directory that is mounted as a whole.
  void add_grant(const DraftGrant& grant) {
    const auto path = grant.place.directory / grant.place.name;
    if (std::ranges::find(plan_.devices, grant.number, &Device::number) == plan_.devices.end())
      plan_.devices.push_back({path, grant.number});
  }

  Result<void> add_mount(const DraftMount& draft) {
    const auto& found = found_at(draft.place);
    if (draft.kind == Kind::Device && draft.place.directory == directory_of_nodes_) {
      plan_.devices.push_back({draft.place.directory / draft.place.name, draft.number});
      return {};
    }
    auto& mount = plan_.mounts.emplace_back();
    mount.kind = draft.kind;
    mount.capability = draft.capability;
    mount.reason = draft.reason;
    mount.source = draft.source;
    mount.target = target_of(draft.place);
    mount.options = draft.read_only ? kReadOnlyMount : options_of(draft.kind);
    if (draft.holds_nodes) {
      mount.options = kDeviceMount;
      directory_of_nodes_ = draft.place.directory / draft.place.name;
    }
    mount.sealed = seals_ && mount.options == kFileMount;  // others are there to be written
    mount.makes_point = found.standing == Standing::Nothing;
    if (draft.findable) note_findable(draft.place, draft.kind);
    if (in_tree(draft.place)) return {};
    if (draft.kind == Kind::Device) {
      plan_.devices.push_back({mount.target, draft.number});
      if (found.standing == Standing::CharDevice && found.number == draft.number) {
        mount.state = State::Present;
        mount.options = {};
        return {};
      }
    }
    if (mount.makes_point) note_directories(draft.place);
    if (draft.kind == Kind::Directory) {
      if (std::exchange(mount.makes_point, false)) note_directory(mount.target);
      return {};
    }
    if (is_dispensable(draft.kind)) return {};
    return check_target(draft.place, found);
  }

  [[nodiscard]] Result<void> check_target(const Place& place, const Found& found) const {
    if (auto fine = check_directory(place); !fine) return fine;
    if (found.standing == Standing::Nothing) return check_new_name(place);
    if (found.standing != Standing::File)
      return failure(ErrorId::DstType, quote(target_of(place).value) + " is " +
                                           std::string(name_of(found.standing)) +
                                           " in the image, a plain file is due");
    if (found.other_mount)
      return failure(ErrorId::DstForeignMount,
                     quote(target_of(place).value) + " is a mount of the container's own already");
    return {};
  }

  Result<void> add_link(const DraftLink& draft) {
    const auto& found = found_at(draft.place);
    const auto path = target_of(draft.place);
    switch (found.standing) {
      case Standing::Nothing: {
        note_findable(draft.place, draft.kind);
        if (in_tree(draft.place)) {
          plan_.symlinks.push_back({path, draft.target, std::nullopt});
          return {};
        }
        if (draft.kind == Kind::Binary && root_is_read_only(in_)) return {};
        if (auto fine = check_directory(draft.place); !fine) return fine;
        if (auto fine = check_new_name(draft.place); !fine) return fine;
        note_directories(draft.place);
        plan_.symlinks.push_back({path, draft.target, std::nullopt});
        return {};
      }
      case Standing::File:
        if (!draft.library.value.empty()) return cover_file(draft, found);
        warn_link_exists(path, draft, name_of(found.standing));
        return {};
      case Standing::Link:
        return settle_link(draft, found);
      case Standing::Directory:
      case Standing::CharDevice:
      case Standing::Other:
        warn_link_exists(path, draft, name_of(found.standing));
        return {};
    }
    std::abort();  // every enumerator is handled above
  }

  // A library of the image's own would win over ours by its name.
  Result<void> cover_file(const DraftLink& draft, const Found& found) {
    if (auto fine = check_target(draft.place, found); !fine) return fine;
    note_findable(draft.place, draft.kind);
    plan_.mounts.push_back({.kind = draft.kind,
                            .capability = draft.capability,
                            .state = State::Mount,
                            .reason = "the image has a file where the link belongs",
                            .source = draft.library,
                            .target = target_of(draft.place),
                            .options = kFileMount,
                            .sealed = seals_,
                            .makes_point = false});
    return {};
  }

  Result<void> settle_link(const DraftLink& draft, const Found& found) {
    if (found.link_text == draft.target) {
      note_findable(draft.place, draft.kind);
      return {};
    }
    if (draft.kind == Kind::Binary && root_is_read_only(in_)) return {};
    if (!found.link_dangles && !names_other_version(found.link_text, draft.target)) {
      warn_link_exists(target_of(draft.place), draft, "a link to " + quote(found.link_text));
      return {};
    }
    if (auto fine = check_directory(draft.place); !fine) return fine;
    if (auto fine = check_new_name(draft.place); !fine) return fine;
    note_findable(draft.place, draft.kind);
    plan_.symlinks.push_back({target_of(draft.place), draft.target, found.link_text});
    return {};
  }

  void note_findable(const Place& place, Kind kind) {
    if (kind != Kind::Library && kind != Kind::Library32) return;
    auto path = target_of(place);
    auto& loader = plan_.loader;
    if (auto directory = path.parent();
        std::ranges::find(loader.directories, directory) == loader.directories.end())
      loader.directories.push_back(std::move(directory));
    loader.libraries.push_back({place.name, std::move(path), kind});
  }

  // Whether there is a link to each program where PATH leads.
  void warn_about_programs() {
    if (!plan_.tree || !root_is_read_only(in_)) return;
    const auto lost = [&](const Mount& mount) {
      return mount.kind == Kind::Binary && mount.target.value.starts_with(plan_.tree->value + "/");
    };
    const auto program = std::ranges::find_if(plan_.mounts, lost);
    if (program == plan_.mounts.end()) return;
    plan_.warnings.push_back(
        {WarningId::ProgramPath, "the container's root is read-only, so " +
                                     quote(program->target.value) +
                                     " and the driver's other programs have no links in "
                                     "\"/usr/bin\": call them by their paths"});
  }

  void warn_link_exists(const ContainerPath& path, const DraftLink& draft, std::string_view what) {
    plan_.warnings.push_back(
        {WarningId::LinkExists, quote(path.value) + " is " + std::string(what) +
                                    " in the image and stays; programs that open it do not get " +
                                    draft.target});
  }

  const Inputs& in_;
  bool runtime_will_make_dev_;
  bool seals_;
  std::string drafted_tree_;          // as places have it, with a slash behind
  ContainerPath directory_of_nodes_;  // that is mounted as a whole; empty: none
  std::set<ContainerPath> taken_;
  std::vector<std::pair<ContainerPath, std::string>> missed_;  // and why
  Plan plan_;
};

}  // namespace

Result<Plan> make_plan(Draft draft, const Inputs& inputs) {
  return Planner(inputs).plan(std::move(draft));
}

}  // namespace nvhook::plan
