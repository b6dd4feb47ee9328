// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ask_nvml.hpp"
#include "clean_start.hpp"
#include "cleanup.hpp"
#include "command_line.hpp"
#include "describe.hpp"
#include "journal.hpp"
#include "nvhook/apply/apply.hpp"
#include "nvhook/config/load.hpp"
#include "nvhook/config/print.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/plan/print.hpp"
#include "nvhook/sandbox/phases.hpp"
#include "pin.hpp"
#include "prepare.hpp"
#include "prepare_loader.hpp"
#include "read_spec.hpp"
#include "rules.hpp"
#include "run_record.hpp"
#include "supervise.hpp"
#include "systemd_step.hpp"

namespace nvhook {
namespace {

using Outcome = std::variant<request::NothingAsked, Stopped, Prepared>;
using sandbox::Phase;
using sandbox::Phases;

Result<void> print(std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0) return system_failure(ErrorId::Kernel, "write to standard output");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// The settings, with the log and debug files open that are named there and on the command line.
template <class Options>
Result<config::Parsed> load_settings(const Options& options, Journal& journal) {
  auto parsed = config::load(options.config_file);
  if (!parsed) return parsed;
  if (!parsed->settings.log.file.empty()) journal.open_log(parsed->settings.log.file);
  if (options.debug_file) journal.open_debug(*options.debug_file);
  for (const auto& warning : parsed->warnings) journal.warning(warning);
  return parsed;
}

// Likewise, with the options that win over the file.
template <class Options>
Result<config::Parsed> settings_for(const Options& command, Journal& journal) {
  auto parsed = load_settings(command, journal);
  if (!parsed) return parsed;
  auto& roots = parsed->settings.roots;
  const auto take = [&](const std::optional<std::string>& given, std::string& root,
                        std::string_view name, std::string_view option) {
    if (!given) return;
    root = *given;
    parsed->given.push_back({.table = "roots", .name = name, .option = option});
  };
  take(command.driver_root, roots.driver, "driver", "--driver-root");
  take(command.dev_root, roots.dev, "dev", "--dev-root");
  take(command.proc_root, roots.proc, "proc", "--proc-root");
  take(command.sys_root, roots.sys, "sys", "--sys-root");
  return parsed;
}

Result<Outcome> look_closer(const Spec& spec, std::optional<EarlyPin> early, PendingSpec& parser,
                            const config::Settings& settings, Phases& phases, Journal& journal) {
  auto prepared = prepare(spec, std::move(early), parser, settings, phases, journal);
  if (!prepared) return std::unexpected(std::move(prepared).error());
  return std::visit([](auto&& one) -> Outcome { return std::move(one); }, std::move(*prepared));
}

// From a container's description to its plan. The settings are read, and the process is pinned,
// while the description is parsed. `parser` is to be kept for a while: its process ends beside what
// this one does next.
Result<Outcome> look_at_container(Texts texts, const Command& command,
                                  std::optional<PendingSpec>& parser, Phases& phases,
                                  Journal& journal) {
  if (std::holds_alternative<NoGpuMentioned>(texts))
    return request::NothingAsked{"the container asks for no GPU"};
  if (auto* stopped = std::get_if<Stopped>(&texts)) return std::move(*stopped);

  const auto pid = std::get<SpecTexts>(texts).pid;
  if (std::get<SpecTexts>(texts).may_concern_nvml) phases.expect_program();
  if (auto done = phases.shed(); !done) return std::unexpected(std::move(done).error());
  auto pending = PendingSpec::start(std::get<SpecTexts>(texts));
  texts = NoGpuMentioned{};  // may be large, and only the child reads them
  if (!pending) return std::unexpected(std::move(pending).error());
  parser = std::move(*pending);
  if (auto done = phases.begin(Phase::Request); !done)
    return std::unexpected(std::move(done).error());
  auto settings = settings_for(command, journal);
  auto early = pin_early(pid, phases);
  auto finished = parser->finish();
  if (!finished) return std::unexpected(std::move(finished).error());
  if (auto* stopped = std::get_if<Stopped>(&*finished)) return std::move(*stopped);
  const auto& spec = std::get<Spec>(*finished);
  journal.about(spec.state.id);
  if (!settings) return std::unexpected(std::move(settings).error());
  if (rules_of(settings->settings).swarm_resources != parser->further_names())
    return failure(ErrorId::Config, "the settings changed while they were read: start it again");
  if (!early) return std::unexpected(std::move(early).error());
  return look_closer(spec, std::move(*early), *parser, settings->settings, phases, journal);
}

plan::Style style_of_output(Surroundings surroundings) {
  return ::isatty(STDOUT_FILENO) == 1 && !surroundings.no_color ? plan::Style::Colour
                                                                : plan::Style::Plain;
}

Result<void> dry_run(const Command& command, Surroundings surroundings, Journal& journal) {
  auto texts = command.bundle ? read_texts_of_bundle(*command.bundle, command.config_file)
                              : read_texts(command.config_file);
  if (!texts) return std::unexpected(std::move(texts).error());
  Phases phases(sandbox::Course::DryRun);
  std::optional<PendingSpec> parser;
  auto outcome = look_at_container(std::move(*texts), command, parser, phases, journal);
  if (!outcome) return std::unexpected(outcome.error());
  const auto style = style_of_output(surroundings);
  const auto as_text = [&](const auto& result) {
    return command.format == Format::Json ? plan::to_json(result) : plan::to_text(result, style);
  };
  if (const auto* nothing = std::get_if<request::NothingAsked>(&*outcome))
    return print(as_text(*nothing));
  if (std::holds_alternative<Stopped>(*outcome))
    return print(as_text(request::NothingAsked{"the container has stopped"}));
  auto& prepared = std::get<Prepared>(*outcome);
  if (auto done = take_loader_file(prepared.plan, prepared.libc, *parser); !done) return done;
  if (auto done = phases.begin(Phase::Capture); !done) return done;
  if (auto fine = apply::check_sources(prepared.plan, prepared.procfs); !fine) return fine;
  return print(as_text(prepared.plan));
}

// A container that has stopped, or whose bundle speaks of no GPU, does not depend on the settings
// but for further_names(), and does not pay for what follows: giving up privileges, and further
// processes.
Result<void> run_hook(const Command& command, Journal& journal) {
  auto texts = read_texts(command.config_file);
  if (!texts) return std::unexpected(std::move(texts).error());
  if (const auto* stopped = std::get_if<Stopped>(&*texts)) return forget(*stopped);
  const auto* described = std::get_if<SpecTexts>(&*texts);
  if (described == nullptr) return {};
  auto systemd_step = SystemdStep::begin(described->pid);
  Phases phases(sandbox::Course::Hook);
  std::optional<PendingSpec> parser;
  auto outcome = look_at_container(std::move(*texts), command, parser, phases, journal);
  if (!outcome) return std::unexpected(outcome.error());
  if (const auto* stopped = std::get_if<Stopped>(&*outcome)) return forget(*stopped);
  auto* prepared = std::get_if<Prepared>(&*outcome);
  if (prepared == nullptr) return {};
  systemd_step.settle(*prepared->process);
  auto place = RunRecord::find_place(*prepared);  // the parser is at work meanwhile
  if (auto done = take_loader_file(prepared->plan, prepared->libc, *parser); !done) return done;

  auto record = RunRecord::begin(*prepared, std::move(place), systemd_step.scope(), journal);
  for (const auto& warning : prepared->plan.warnings) journal.warning(warning);
  if (journal.debugging()) journal.step(plan::to_json(prepared->plan));
  apply::Observer observer;
  if (journal.debugging()) observer = [&](std::string_view step) { journal.step(step); };
  parser.reset();  // nobody is waited for in the container
  const auto done = apply::run(prepared->plan,
                               {.procfs = prepared->procfs,
                                .process = *prepared->process,
                                .rootfs = prepared->rootfs,
                                .cgroup = *prepared->cgroup,
                                .device_rules = prepared->device_rules,
                                .phases = phases},
                               observer);
  if (!done) return std::unexpected(done.error());
  try {
    record.keep(done->made);
    for (const auto& warning : done->warnings) journal.warning(warning);
    if (prepared->grants_devices)
      if (const auto warning = systemd_step.finish(prepared->plan)) journal.warning(*warning);
  } catch (const std::bad_alloc&) {  // what is done is done, said or not
  }
  return {};
}

Result<void> run_reapply(const Reapply& what, Journal& journal) {
  if (::chdir("/") != 0) return system_failure(ErrorId::Kernel, "chdir /");
  if (auto settings = load_settings(what, journal); !settings)
    return std::unexpected(std::move(settings).error());
  const auto said = reapply(what, journal);
  return said ? print(*said) : std::unexpected(said.error());
}

// What a file cannot have may come from an option.
Result<void> print_settings(const config::Parsed& effective, Format format) {
  const auto text = config::to_toml(effective);
  if (const auto again = config::parse(text, "nvhook config"); !again)
    return failure(ErrorId::Usage,
                   "what the options say cannot be set in a file: " + again.error().message());
  return print(format == Format::Json ? config::to_json(effective) : text);
}

// Whoever lists what some capabilities bring sees of the rest what comes with every request.
driver::Wanted wanted_by(const Describe& what) {
  driver::Wanted wanted(what.capabilities);
  wanted.mig = true;
  if (what.what == Describe::What::Driver || what.capabilities != Capabilities::all())
    return wanted;
  wanted.mig_controls = true;
  wanted.imex_channels = true;
  wanted.features.assign(kAllFeatures.begin(), kAllFeatures.end());
  return wanted;
}

Result<void> run_describe(const Describe& what, Surroundings surroundings, Journal& journal) {
  if (::chdir("/") != 0) return system_failure(ErrorId::Kernel, "chdir /");
  Phases phases(sandbox::Course::DryRun);
  if (what.nvml) phases.expect_program();
  if (auto done = phases.shed(); !done) return done;
  if (auto done = phases.begin(Phase::Request); !done) return done;
  const auto effective = settings_for(what, journal);
  if (!effective) return std::unexpected(effective.error());
  if (what.what == Describe::What::Settings) return print_settings(*effective, what.format);
  FromNvml nvml;
  if (what.nvml) {
    auto said = ask_nvml(where_of(effective->settings), effective->settings);
    if (!said) return std::unexpected(std::move(said).error());
    nvml.facts = std::move(*said);
  }
  if (auto done = phases.begin(Phase::Discover); !done) return done;
  auto driver = driver::discover(where_of(effective->settings), wanted_by(what));
  if (!driver) return std::unexpected(std::move(driver).error());
  add_to(*driver, std::move(nvml));
  const auto style = style_of_output(surroundings);
  if (what.what == Describe::What::Driver)
    return print(what.format == Format::Json ? driver_to_json(*driver)
                                             : driver_to_text(*driver, style));
  return print(what.format == Format::Json ? files_to_json(*driver)
                                           : files_to_text(*driver, style));
}

Result<void> run_cleanup(const Cleanup& what, Journal& journal) {
  if (::chdir("/") != 0) return system_failure(ErrorId::Kernel, "chdir /");
  if (auto settings = load_settings(what, journal); !settings)
    return std::unexpected(std::move(settings).error());
  const auto said = clean_up(journal);
  return said ? print(*said) : std::unexpected(said.error());
}

Result<void> run(int argc, char** argv, Surroundings surroundings, Journal& journal) {
  if (surroundings.lent_privileges)
    return failure(ErrorId::Setuid,
                   "nvhook was started with more rights than its caller has: its file must be "
                   "neither setuid nor setgid (chmod ug-s) nor have capabilities (setcap -r)");
  auto parsed = parse_command_line(argc, argv);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  if (const auto* answer = std::get_if<Answer>(&*parsed)) return print(answer->text);
  if (const auto* what = std::get_if<Reapply>(&*parsed)) return run_reapply(*what, journal);
  if (const auto* what = std::get_if<Cleanup>(&*parsed)) return run_cleanup(*what, journal);
  if (const auto* what = std::get_if<Describe>(&*parsed))
    return run_describe(*what, surroundings, journal);
  const auto& command = std::get<Command>(*parsed);
  if (command.stage == "createContainer")
    return failure(ErrorId::Stage,
                   "nvhook cannot work as a createContainer hook, where the container's namespaces "
                   "hide the host: register it as prestart or createRuntime");
  if (::chdir("/") != 0) return system_failure(ErrorId::Kernel, "chdir /");
  if (!command.bundle && ::isatty(STDIN_FILENO) == 1) {
    if (auto done = print(help_text()); !done) return done;
    return failure(ErrorId::Usage,
                   "a container's state is expected on standard input, which is a terminal");
  }
  if (command.action == Action::DryRun) return dry_run(command, surroundings, journal);
  return run_hook(command, journal);
}

}  // namespace
}  // namespace nvhook

int main(int argc, char** argv) {
  using namespace nvhook;
  Journal journal;
  try {
    const auto surroundings = clean_start(argv);
    limit_time();
    const auto done = surroundings ? run(argc, argv, *surroundings, journal)
                                   : Result<void>(std::unexpected(surroundings.error()));
    if (done) return EXIT_SUCCESS;
    journal.error(done.error());
    return exit_status_of(done.error().id());
  } catch (const std::bad_alloc&) {
    journal.out_of_memory();
    return exit_status_of(ErrorId::Kernel);
  } catch (const std::exception& bug) {  // our own code reports through Result
    journal.error(Error(ErrorId::Bug, bug.what()));
    return exit_status_of(ErrorId::Bug);
  }
}
