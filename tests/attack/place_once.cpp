// SPDX-License-Identifier: Apache-2.0
// One attempt of nvhook: the steps of a run between a finished driver and the device cgroup, by the
// code that the hook uses, many thousand times in one process.
#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "apply/capture.hpp"
#include "apply/identity.hpp"
#include "apply/place.hpp"
#include "apply/undo.hpp"
#include "attack/contestant.hpp"
#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/message_id.hpp"
#include "nvhook/container/mountinfo.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"
#include "nvhook/container/rootfs.hpp"
#include "nvhook/container/survey.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/ldcache/merge.hpp"
#include "nvhook/mount/source.hpp"
#include "nvhook/mount/tier.hpp"

namespace nvhook::test {
namespace {

// Nothing races while a contestant is made.
template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().text().c_str());
  std::abort();
}

std::string id_of(const Error& error) { return std::string(name_of(error.id())); }

class Nvhook final : public Contestant {
 public:
  explicit Nvhook(const Attempted& attempted)
      : wanted_(attempted.wanted),
        source_{attempted.ground.source()},
        home_(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)),
        procfs_(must(container::open_procfs())),
        process_(must(container::pin(procfs_, attempted.container))),
        rootfs_(must(container::open_rootfs(process_, attempted.ground.root()))),
        capturer_(must(apply::Capturer::open(apply::Capturer::OwnerView::Host))),
        tier_(must(mount::find_tier())),
        mountinfo_(must(files::read_kernel_file(process_.proc.get(), "mountinfo",
                                                container::kMaxMountinfoBytes))),
        mounts_(must(container::parse_mountinfo(mountinfo_))) {
    ::umask(0);  // as the hook has it
  }

  std::string place() override {
    auto done = place_all();
    return done ? std::string() : id_of(done.error());
  }

  // The loader's file comes last, as in a run.
  std::string verify() override {
    auto stands = placer_->verify();
    if (stands && wanted_.cache) stands = placer_->exchange();
    return stands ? std::string() : id_of(stands.error());
  }

  void take_away() override {
    if (undo_) undo_->roll_back();
    placer_.reset();
    undo_.reset();
    ::setfsgid(::getegid());
    ::setfsuid(::geteuid());
    enter(home_.get());
  }

 private:
  static void enter(int mount_namespace) {
    if (::setns(mount_namespace, CLONE_NEWNS) == 0) return;
    std::perror("setns");
    std::abort();  // the container waits, and we are root
  }

  [[nodiscard]] Result<std::vector<mount::Source>> capture_all() {
    plan::Mount mount;
    mount.source = source_;
    mount.options = kFileMount;
    std::vector<mount::Source> sources;
    for (std::size_t i = 0; i < wanted_.files.size(); ++i) {
      auto source = capturer_.capture(mount, {}, tier_, process_.root.get());
      if (!source) return std::unexpected(std::move(source).error());
      sources.push_back(std::move(*source));
    }
    return sources;
  }

  // Where the names of the image lead, as the plan would have it.
  [[nodiscard]] Result<std::vector<ContainerPath>> resolve_all() const {
    std::vector<container::Place> places;
    for (const auto& file : wanted_.files) {
      const auto path = ContainerPath{kRacedDirectory} / file;
      places.push_back({path.parent(), std::string(path.name())});
    }
    if (wanted_.link) places.push_back({{kRacedDirectory}, kRacedLink});
    const auto survey = container::survey(rootfs_, places, mounts_);
    if (!survey) return std::unexpected(Error(survey.error()));
    std::vector<ContainerPath> targets;
    for (const auto& place : places)
      targets.push_back(survey->directories.at(place.directory).resolved / place.name);
    return targets;
  }

  struct Cache {
    ContainerPath path;
    std::string bytes;
    bool replaces = false;
  };

  // What stands in the cache's place is read and merged, as the survey and the parser do.
  [[nodiscard]] Result<std::optional<Cache>> merge_cache() const {
    if (!wanted_.cache) return std::nullopt;
    constexpr std::size_t kMost = std::size_t{4} << 20U;
    const auto facts =
        container::survey_file(rootfs_, {{kRacedCacheDirectory}, kRacedCache}, mounts_, kMost);
    if (!facts) return std::unexpected(Error(facts.error()));
    // It stays as it is, and a warning is due.
    if (!facts->trouble.empty() || !facts->directory.exists) return std::nullopt;
    const auto standing = facts->found.standing;
    const bool is_large = standing == container::Standing::File && !facts->content;
    const bool is_other = standing == container::Standing::Directory ||
                          standing == container::Standing::Other ||
                          standing == container::Standing::CharDevice;
    if (is_large || is_other) return std::nullopt;
    const auto library = std::string(kRacedDirectory) + "/" + kRacedLink;
    const std::vector<ldcache::Library> ours = {{.name = kRacedLink, .path = library}};
    const auto present = facts->content ? facts->content->bytes : std::string();
    auto merged = ldcache::merge(bytes_of(present), ours, "a test");
    if (!merged) merged = ldcache::merge({}, ours, "a test");
    if (!merged) return std::unexpected(std::move(merged).error());
    return Cache{.path = facts->directory.resolved / kRacedCache,
                 .bytes = std::move(*merged),
                 .replaces = standing != container::Standing::Nothing};
  }

  [[nodiscard]] Result<void> place_all() {
    const auto targets = resolve_all();
    if (!targets) return std::unexpected(Error(targets.error()));
    const auto cache = merge_cache();
    if (!cache) return std::unexpected(Error(cache.error()));
    auto sources = capture_all();
    if (!sources) return std::unexpected(std::move(sources).error());

    enter(process_.mount_namespace.get());
    if (auto done = apply::become_container_root(process_); !done) return done;
    undo_.emplace(procfs_.self_fds.get());
    placer_.emplace(rootfs_, *undo_, procfs_.self_fds.get());
    for (std::size_t i = 0; i < sources->size(); ++i)
      if (auto done = placer_->place_mount(std::move((*sources)[i]), (*targets)[i]); !done)
        return done;
    if (*cache) return placer_->prepare_file((*cache)->path, (*cache)->bytes, (*cache)->replaces);
    if (!wanted_.link) return {};
    return placer_->place_link({targets->back(), kRacedLinkText, kRacedStaleText});
  }

  Wanted wanted_;
  HostPath source_;
  UniqueFd home_;
  container::Procfs procfs_;
  container::Process process_;
  container::Rootfs rootfs_;
  apply::Capturer capturer_;
  mount::Tier tier_;
  std::string mountinfo_;  // mounts_ borrows from it
  std::vector<container::MountEntry> mounts_;
  std::optional<apply::Undo> undo_;
  std::optional<apply::Placer> placer_;
};

}  // namespace

std::unique_ptr<Contestant> make_nvhook(const Attempted& attempted) {
  return std::make_unique<Nvhook>(attempted);
}

}  // namespace nvhook::test
