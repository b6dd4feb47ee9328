// SPDX-License-Identifier: Apache-2.0
#include "prepare.hpp"

#include <string>
#include <utility>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/container/image.hpp"
#include "nvhook/container/mountinfo.hpp"
#include "nvhook/container/survey.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/plan/make_plan.hpp"

namespace nvhook {
namespace {

driver::Where where_of(const config::Settings& settings) {
  return {.driver_root = settings.roots.driver,
          .dev_root = settings.roots.dev,
          .proc_root = settings.roots.proc,
          .sys_root = settings.roots.sys,
          .library_directories = settings.search.libraries,
          .program_directories = settings.search.programs,
          .node_directory = settings.search.nodes};
}

// Takes every handle of the container that a plan or its execution needs.
Result<void> pin_container(const Spec& spec, Prepared& prepared) {
  auto procfs = container::open_procfs();
  if (!procfs) return std::unexpected(std::move(procfs).error());
  prepared.procfs = std::move(*procfs);
  const auto path = rootfs_path(spec);
  if (!spec.state.pid) {
    auto rootfs = container::open_rootfs_on_host(path);
    if (!rootfs) return std::unexpected(std::move(rootfs).error());
    prepared.rootfs = std::move(*rootfs);
    return {};
  }
  auto process = container::pin(prepared.procfs, *spec.state.pid);
  if (!process) return std::unexpected(std::move(process).error());
  prepared.process = std::move(*process);
  auto rootfs = container::open_rootfs(*prepared.process, path);
  if (!rootfs) return std::unexpected(std::move(rootfs).error());
  prepared.rootfs = std::move(*rootfs);
  auto cgroup = cgroup::find_devices(prepared.procfs, *prepared.process);
  if (!cgroup) return std::unexpected(std::move(cgroup).error());
  prepared.cgroup = std::move(*cgroup);
  return {};
}

Result<container::Survey> survey_places(Prepared& prepared,
                                        const std::vector<container::Place>& places) {
  std::string text;  // the entries borrow from it
  std::vector<container::MountEntry> mounts;
  if (prepared.process) {
    auto read = files::read_kernel_file(prepared.process->proc.get(), "mountinfo",
                                        container::kMaxMountinfoBytes);
    if (!read) return std::unexpected(std::move(read).error().within("container"));
    text = std::move(*read);
    auto parsed = container::parse_mountinfo(text);
    if (!parsed) return std::unexpected(std::move(parsed).error());
    mounts = std::move(*parsed);
    if (!container::is_bound_onto_itself(mounts, prepared.rootfs.mount_id))
      return failure(ErrorId::Rootfs, "root file system " + quote(prepared.rootfs.path) +
                                          " is another mount than the one that a runtime makes: "
                                          "what is put there may be put on the host");
    prepared.rootfs.dev_mount_id = container::dev_mount_of(mounts, prepared.rootfs.mount_id);
  }
  return container::survey(prepared.rootfs, places, mounts);
}

}  // namespace

Result<std::variant<request::NothingAsked, Prepared>> prepare(const Spec& spec,
                                                              const config::Settings& settings) {
  auto asked = request::parse(spec.config.env);
  if (!asked) return std::unexpected(std::move(asked).error());
  if (auto* nothing = std::get_if<request::NothingAsked>(&*asked)) return std::move(*nothing);
  const auto& request = std::get<request::Request>(*asked);

  Prepared prepared;
  if (auto done = pin_container(spec, prepared); !done)
    return std::unexpected(std::move(done).error());
  const auto driver = driver::discover(where_of(settings), request.capabilities);
  if (!driver) return std::unexpected(Error(driver.error()));

  const auto image = container::inspect(prepared.rootfs.root());
  if (!image) return std::unexpected(Error(image.error()));
  auto draft = plan::draft(request, *driver, *image);
  if (!draft) return std::unexpected(std::move(draft).error());
  const auto survey = survey_places(prepared, plan::places_of(*draft));
  if (!survey) return std::unexpected(Error(survey.error()));

  auto plan = plan::make_plan(std::move(*draft), {.container = {.id = spec.state.id,
                                                                .pid = spec.state.pid,
                                                                .bundle = spec.state.bundle,
                                                                .rootfs = prepared.rootfs.path},
                                                  .config = spec.config,
                                                  .request = request,
                                                  .driver = *driver,
                                                  .image = *image,
                                                  .survey = *survey});
  if (!plan) return std::unexpected(std::move(plan).error());
  prepared.plan = std::move(*plan);
  if (prepared.cgroup && !prepared.cgroup->directory)
    prepared.plan.warnings.push_back(
        {WarningId::NoCgroup,
         "no device cgroup of this container can be changed: its programs "
         "open the nodes if their modes allow it"});
  return prepared;
}

}  // namespace nvhook
