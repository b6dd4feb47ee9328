// SPDX-License-Identifier: Apache-2.0
#include "prepare.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ask_nvml.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/compat/consider.hpp"
#include "nvhook/container/driver_directory.hpp"
#include "nvhook/container/image.hpp"
#include "nvhook/container/mountinfo.hpp"
#include "nvhook/container/survey.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/plan/make_plan.hpp"
#include "nvhook/request/parse.hpp"
#include "pin.hpp"
#include "prepare_loader.hpp"
#include "rules.hpp"

namespace nvhook {

driver::Where where_of(const config::Settings& settings) {
  return {.driver_root = settings.roots.driver,
          .dev_root = settings.roots.dev,
          .proc_root = settings.roots.proc,
          .sys_root = settings.roots.sys,
          .library_directories = settings.search.libraries,
          .program_directories = settings.search.programs,
          .node_directory = settings.search.nodes,
          .extras = {.procfs = settings.container.procfs,
                     .persistenced_socket = settings.container.persistenced_socket,
                     .fabricmanager_socket = settings.container.fabricmanager_socket,
                     .firmware = settings.container.firmware,
                     .mps_directory = settings.container.mps_directory}};
}

driver::Wanted wanted_by(const request::Request& request) {
  driver::Wanted wanted(request.capabilities);
  wanted.mig = !std::holds_alternative<request::NoGpus>(request.gpus);
  wanted.mig_controls = request.mig_config || request.mig_monitor;
  wanted.imex_channels = !request.imex_channels.empty();
  wanted.features = request.features;
  return wanted;
}

namespace {

using sandbox::Phase;

// The image's own driver libraries, where its programs are to find them first.
Result<plan::Preferred> look_for_compat(const request::Request& request,
                                        const config::Settings& settings, const Prepared& prepared,
                                        std::string_view host_version, PendingSpec& parser) {
  if (!request.capabilities.contains(Capability::Compute)) return plan::Preferred{};
  auto outcome =
      compat::consider(settings.container.cuda_compat, prepared.rootfs.root(), host_version,
                       [&](std::string_view question) { return parser.ask_of_compat(question); });
  if (!outcome) return std::unexpected(std::move(outcome).error());
  plan::Preferred preferred{.directory = {},
                            .names = {},
                            .reason = std::move(outcome->reason),
                            .warnings = std::move(outcome->warnings)};
  if (outcome->first) {
    preferred.directory = std::move(outcome->first->directory);
    preferred.names = std::move(outcome->first->names);
  }
  return preferred;
}

const container::FileFacts* pointer_to(const std::optional<container::FileFacts>& facts) {
  return facts ? &*facts : nullptr;
}

std::optional<bool> has_users_of_its_own(const Prepared& prepared) {
  if (!prepared.process) return std::nullopt;
  return static_cast<bool>(prepared.process->user_namespace);
}

// Whether there is something to mount a view of the driver over.
Result<plan::ProcfsFacts> look_at_procfs(ProcfsView wanted, const Prepared& prepared,
                                         const Mounts& mounts) {
  plan::ProcfsFacts facts{.wanted = wanted};
  if (wanted == ProcfsView::None) return facts;
  const auto own = [&] { return container::trouble_with_driver_directory(prepared.procfs); };
  auto trouble = prepared.process
                     ? container::trouble_with_driver_directory(prepared.rootfs, mounts.entries)
                     : Result<std::string>(own());
  if (!trouble) return std::unexpected(std::move(trouble).error());
  facts.trouble = std::move(*trouble);
  facts.kernel_shows_nothing = !facts.trouble.empty() && !own().empty();
  return facts;
}

Warning no_filters() {
  return {WarningId::NoSeccomp,
          "the kernel has no seccomp filters: nvhook works with its privileges cut, but its system "
          "calls are not restricted"};
}

}  // namespace

Result<std::variant<request::NothingAsked, Prepared>> prepare(
    const Spec& spec, std::optional<EarlyPin> early, PendingSpec& parser,
    const config::Settings& settings, sandbox::Phases& phases, Journal& journal) {
  auto parsed = request::parse(spec.config, rules_of(settings));
  if (!parsed) return std::unexpected(std::move(parsed).error());
  if (auto* nothing = std::get_if<request::NothingAsked>(&parsed->asked)) {
    for (const auto& warning : parsed->warnings) journal.warning(warning);
    return std::move(*nothing);
  }
  const auto& request = std::get<request::Request>(parsed->asked);

  auto nvml = ask_nvml_if_needed(request, settings, phases);
  Prepared prepared;
  prepared.grants_devices = settings.container.cgroups;
  if (auto done = phases.begin(Phase::Pin); !done) return std::unexpected(std::move(done).error());
  if (!phases.filtered()) journal.warning(no_filters());
  const auto mounts = pin_container(spec, std::move(early), prepared, journal);
  if (!mounts) return std::unexpected(Error(mounts.error()));
  if (prepared.process && container::root_is_ours(*prepared.process)) phases.stay_ourselves();

  if (auto done = phases.begin(Phase::Discover); !done)
    return std::unexpected(std::move(done).error());
  const auto where = where_of(settings);
  auto driver = driver::discover(where, wanted_by(request));
  if (!driver) return std::unexpected(std::move(driver).error());
  add_to(*driver, std::move(nvml));

  if (auto done = phases.begin(Phase::Survey); !done)
    return std::unexpected(std::move(done).error());
  const auto image = container::inspect(prepared.rootfs.root());
  if (!image) return std::unexpected(Error(image.error()));
  auto draft = plan::draft(request, *driver, *image, settings.container.layout,
                           image->read_only || spec.config.root_readonly);
  if (!draft) return std::unexpected(std::move(draft).error());
  const auto survey = container::survey(prepared.rootfs, plan::places_of(*draft), mounts->entries,
                                        plan::dispensable_places_of(*draft));
  if (!survey) return std::unexpected(Error(survey.error()));
  auto procfs = look_at_procfs(where.extras.procfs, prepared, *mounts);
  if (!procfs) return std::unexpected(std::move(procfs).error());
  const auto preferred = look_for_compat(request, settings, prepared, driver->version, parser);
  if (!preferred) return std::unexpected(Error(preferred.error()));
  const auto loader = survey_loader(prepared.rootfs, *image, draft->tree, mounts->entries);
  if (!loader) return std::unexpected(Error(loader.error()));

  auto plan =
      plan::make_plan(std::move(*draft), {.container = {.id = spec.state.id,
                                                        .pid = spec.state.pid,
                                                        .bundle = spec.state.bundle,
                                                        .rootfs = prepared.rootfs.path},
                                          .config = spec.config,
                                          .request = request,
                                          .driver = *driver,
                                          .image = *image,
                                          .survey = *survey,
                                          .loader_file = pointer_to(loader->file),
                                          .loader_directory = pointer_to(loader->directory),
                                          .preferred = &*preferred,
                                          .own_user_namespace = has_users_of_its_own(prepared),
                                          .procfs = std::move(*procfs)});
  if (!plan) return std::unexpected(std::move(plan).error());
  ask_for_loader_file(*plan, *loader, parser);
  prepared.libc = loader->libc;
  prepared.plan = std::move(*plan);
  prepared.plan.warnings.insert(prepared.plan.warnings.begin(), parsed->warnings.begin(),
                                parsed->warnings.end());
  prepared.device_rules = spec.config.device_rules;
  if (!prepared.grants_devices)
    prepared.plan.warnings.push_back(
        {WarningId::NoCgroup,
         "the device cgroup is left alone, as the settings say (cgroups of [container]): programs "
         "open the nodes if the container's runtime allows it"});
  else if (prepared.cgroup && !prepared.cgroup->directory)
    prepared.plan.warnings.push_back(
        {WarningId::NoCgroup,
         "no device cgroup of this container can be changed: its programs "
         "open the nodes if their modes allow it"});
  return prepared;
}

}  // namespace nvhook
