// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include <limits.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "version.hpp"

namespace nvhook {
namespace {

// Lines of 80 columns at most.
constexpr auto kDescription =
    R"(Gives a container the NVIDIA driver of this host. An OCI runtime runs nvhook as
a hook while it creates the container, and writes the container's state to it.
)";

constexpr auto kUsage = R"(Usage:
  nvhook [STAGE] [OPTION]... < state.json        the hook
  nvhook --dry-run [OPTION]... < state.json      says what the hook would do
  nvhook --dry-run --bundle DIR [OPTION]...      the same without a container
  nvhook reapply ID | --pid N                    gives a running container its
                                                 devices again (reapply --help)
  nvhook cleanup                                 takes away what dead containers
                                                 have left (cleanup --help)
  nvhook info                                    shows the driver and the GPUs
  nvhook list                                    lists what containers are given
  nvhook config                                  prints the settings

A container asks for GPUs in its environment (process.env of config.json):
  NVIDIA_VISIBLE_DEVICES      which GPUs: "all", "0,2" (in PCI order),
                              "GPU-<uuid>", "0000:65:00.0" (on the PCI bus),
                              "none" (driver without GPUs) or
                              "void" (nothing); without it nothing is done
  NVIDIA_DRIVER_CAPABILITIES  which parts of the driver: "all", or some of
                              compute, compat32, graphics, utility, video,
                              display, ngx ("compute,utility" unless set)
)";

constexpr auto kFooter = R"(Examples:
  nvhook --dry-run --bundle .                    run this beside a config.json
  nvhook --dry-run --format json < state.json    for scripts: docs/plan.md

Exit status:
   0  done, or nothing to do
   2  the request, the state or the settings are wrong
   3  the host's driver is missing or wrong
   4  the container or its image does not allow it
   5  the kernel refused
  64  wrong command line
  70  a bug in nvhook

A message begins with its id, "nvhook: E_DRIVER_ABSENT: ...". docs/messages.md
has the cause and the cure of each. The manual is nvhook(8).)";

constexpr auto kAboutReapply =
    R"(Gives a running container the devices again that nvhook gave it when it started,
where something else has taken them: systemctl daemon-reload, a change of its
limits. Where systemd has made the container's scope it is told of them, too,
and does not take them again. Goes by the record in /run/nvhook, and refuses a
container that is not the one of the record any more. Says what was missing.
)";

constexpr auto kAboutCleanup =
    R"(Takes away what containers that are no more have of nvhook's: in their root file
systems the empty files that were mounted over, links and directories; the
loader's cache of the image is put back. Goes by the records in /run/nvhook, and
leaves alone what somebody has changed since. The hook does this itself where it
is registered as poststop, too. Says what it did.
)";

constexpr auto kAboutInfo =
    R"(Shows the NVIDIA driver of this host as nvhook sees it: its version, the CUDA
version that it has, and the GPUs, in the order in which they are asked for by
index. Opens no device; with --nvml the program nvhook-nvml does, which takes
seconds where no GPU is in use.
)";

constexpr auto kUsageOfInfo = R"(Usage:
  nvhook info [OPTION]...
)";

constexpr auto kAboutList =
    R"(Lists the files and device nodes of this host that nvhook gives to
containers, with the capabilities that bring each, and what it leaves out and
why.
)";

constexpr auto kUsageOfList = R"(Usage:
  nvhook list [--capability NAME]... [OPTION]...
)";

constexpr auto kAboutConfig =
    R"(Prints the settings that are in force, and where each comes from: the
configuration file, an option, or nowhere (a default). What it prints is a
configuration file itself. Without a file of its own nvhook reads the one of
NVIDIA's tools, /etc/nvidia-container-runtime/config.toml.
)";

constexpr auto kUsageOfConfig = R"(Usage:
  nvhook config [OPTION]...
)";

constexpr auto kUsageOfCleanup = R"(Usage:
  nvhook cleanup [OPTION]...
)";

constexpr auto kUsageOfReapply = R"(Usage:
  nvhook reapply ID [OPTION]...
  nvhook reapply --pid N [OPTION]...
)";

// The path as seen from the directory that the user stands in, before we leave it.
std::string absolute(std::string path) {
  if (path.empty() || path.front() == '/') return path;
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) == nullptr) return path;
  return std::string(here.data()) + "/" + path;
}

bool is_stage(std::string_view word) {
  constexpr std::array<std::string_view, 4> kStages = {"prestart", "createRuntime", "poststop",
                                                       "createContainer"};
  return std::ranges::find(kStages, word) != kStages.end();
}

void add_common_options(CLI::App& app, std::optional<std::string>& config,
                        std::optional<std::string>& debug) {
  app.add_option("--config", config, "Settings (/etc/nvhook/config.toml)")->option_text("FILE");
  app.add_option("--debug", debug, "Append the plan and each step to this file")
      ->option_text("FILE");
  app.set_help_flag("-h,--help", "Print this help");
}

// Where the host's driver is looked for.
template <class Roots>
void add_root_options(CLI::App& app, Roots& roots) {
  const auto directory = [&app](const char* name, std::optional<std::string>& into,
                                const char* text) {
    app.add_option(name, into, text)->option_text("DIR");
  };
  directory("--driver-root", roots.driver_root, "Holds the driver's files and etc/ld.so.cache (/)");
  directory("--dev-root", roots.dev_root,
            "Contains dev/ (driver root if it has dev/nvidiactl, or /)");
  directory("--proc-root", roots.proc_root,
            "Stands for /proc where the driver's facts are read (/proc)");
  directory("--sys-root", roots.sys_root, "Stands for /sys, likewise (/sys)");
}

CLI::Option* add_format_option(CLI::App& app, std::string& format, const char* text) {
  return app.add_option("--format", format, text)
      ->option_text("FORMAT")
      ->check([](const std::string& word) {
        return word == "text" || word == "json" ? std::string()
                                                : "\"" + word + "\" is neither text nor json";
      });
}

struct Options {
  Command command;
  bool dry_run = false;
  std::string format;
};

void add_options(CLI::App& app, Options& options) {
  auto& command = options.command;
  app.add_option("STAGE", command.stage, "Which hook: prestart, createRuntime, poststop (optional)")
      ->option_text(" ")
      ->check([](const std::string& word) {
        return is_stage(word) ? std::string() : "unknown command \"" + word + "\"";
      });
  auto* dry_run = app.add_flag("--dry-run", options.dry_run, "Print the plan, change nothing");
  app.add_option("--bundle", command.bundle, "Plan for this bundle, without a container")
      ->option_text("DIR")
      ->needs(dry_run);
  add_format_option(app, options.format, "Print the plan as text (default) or json")
      ->needs(dry_run);
  add_root_options(app, command);
  add_common_options(app, command.config_file, command.debug_file);
  app.set_version_flag("--version", "nvhook " + std::string(kVersion), "Print the version");
}

struct DescribeOptions {
  Describe describe;
  std::string format;
  std::vector<std::string> capabilities;
};

void add_options(CLI::App& app, DescribeOptions& options) {
  auto& describe = options.describe;
  if (describe.what == Describe::What::Files)
    app.add_option("--capability", options.capabilities,
                   "Only what this capability brings; may be repeated")
        ->option_text("NAME")
        ->check([](const std::string& word) {
          return capability_named(word) ? std::string()
                                        : "\"" + word + "\" is no driver capability";
        });
  else
    app.add_flag("--nvml", describe.nvml, "Ask NVML: brand, architecture, MIG devices");
  add_format_option(app, options.format, "Print text (default) or json");
  add_root_options(app, describe);
  add_common_options(app, describe.config_file, describe.debug_file);
}

void add_options(CLI::App& app, Reapply& reapply) {
  auto* id = app.add_option("ID", reapply.id, "The container's id, as its runtime has it")
                 ->option_text(" ");
  auto* pid =
      app.add_option("--pid", reapply.pid, "The container's first process, instead of an ID")
          ->option_text("N")
          ->check(CLI::Range(2, std::numeric_limits<pid_t>::max()))
          ->excludes(id);
  add_common_options(app, reapply.config_file, reapply.debug_file);
  app.callback([id, pid] {
    if (id->count() + pid->count() == 0) throw CLI::RequiredError("ID or --pid");
  });
}

void add_options(CLI::App& app, Cleanup& cleanup) {
  add_common_options(app, cleanup.config_file, cleanup.debug_file);
}

// The bundle gives the container its name, so "." is worth resolving. A path that leads nowhere is
// reported by whoever opens it.
std::string canonical(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return ::realpath(path.c_str(), resolved.data()) == nullptr ? absolute(path) : resolved.data();
}

template <class Roots>
void make_roots_absolute(Roots& roots) {
  for (auto* path : {&roots.config_file, &roots.driver_root, &roots.dev_root, &roots.proc_root,
                     &roots.sys_root, &roots.debug_file})
    if (*path) *path = absolute(std::move(**path));
}

void make_absolute(Command& command) {
  if (command.bundle) command.bundle = canonical(*command.bundle);
  make_roots_absolute(command);
}

// CLI11's words have those of the command line in them, as they came.
std::string shown(std::string text) {
  constexpr std::size_t kMost = 256;  // a message stays one line that a person reads
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  if (text.size() > kMost) text.replace(kMost, text.npos, "...");
  return text;
}

// CLI11 has one line for the usage, and we have several.
class HelpLayout : public CLI::Formatter {
 public:
  HelpLayout(std::string_view usage, const std::string& positionals) : usage_(usage) {
    label("Positionals", positionals);
    column_width(22);
  }
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return usage_;
  }

 private:
  std::string usage_;
};

std::string help_of_reapply() {
  CLI::App app(kAboutReapply, "nvhook reapply");
  Reapply reapply;
  add_options(app, reapply);
  app.formatter(std::make_shared<HelpLayout>(kUsageOfReapply, "Container"));
  return app.help();
}

// Nothing once the options are filled, or what is to be printed instead. Fails with E_USAGE.
Result<std::optional<Answer>> parse(CLI::App& app, int argc, char** argv, std::string (*help)()) {
  app.allow_windows_style_options(false);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Answer{help()};
  } catch (const CLI::CallForVersion&) {
    return Answer{"nvhook " + std::string(kVersion) + "\n"};
  } catch (const CLI::ParseError& wrong) {
    return failure(ErrorId::Usage, shown(wrong.what()) + " (" + app.get_name() + " --help)");
  }
  return std::nullopt;
}

struct DescribeWords {
  const char* name;
  const char* about;
  const char* usage;
};

constexpr DescribeWords words_of(Describe::What what) {
  switch (what) {
    case Describe::What::Driver:
      return {"nvhook info", kAboutInfo, kUsageOfInfo};
    case Describe::What::Files:
      return {"nvhook list", kAboutList, kUsageOfList};
    case Describe::What::Settings:
      return {"nvhook config", kAboutConfig, kUsageOfConfig};
  }
  std::abort();  // every enumerator is handled above
}

template <Describe::What kWhat>
std::string help_of_describe() {
  constexpr auto kWords = words_of(kWhat);
  CLI::App app(kWords.about, kWords.name);
  DescribeOptions options{.describe = {.what = kWhat}, .format = {}, .capabilities = {}};
  add_options(app, options);
  app.formatter(std::make_shared<HelpLayout>(kWords.usage, ""));
  return app.help();
}

template <Describe::What kWhat>
Result<Asked> parse_describe(int argc, char** argv) {
  CLI::App app("", words_of(kWhat).name);
  DescribeOptions options{.describe = {.what = kWhat}, .format = {}, .capabilities = {}};
  add_options(app, options);
  auto answer = parse(app, argc, argv, help_of_describe<kWhat>);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (*answer) return std::move(**answer);
  auto& describe = options.describe;
  if (options.format == "json") describe.format = Format::Json;
  if (options.capabilities.empty()) describe.capabilities = Capabilities::all();
  for (const auto& name : options.capabilities) describe.capabilities.add(*capability_named(name));
  if (kWhat == Describe::What::Settings)  // fit for a configuration file
    for (auto* root :
         {&describe.driver_root, &describe.dev_root, &describe.proc_root, &describe.sys_root})
      if (*root) *root = canonical(**root);
  make_roots_absolute(describe);
  return std::move(describe);
}

std::string help_of_cleanup() {
  CLI::App app(kAboutCleanup, "nvhook cleanup");
  Cleanup cleanup;
  add_options(app, cleanup);
  app.formatter(std::make_shared<HelpLayout>(kUsageOfCleanup, ""));
  return app.help();
}

Result<Asked> parse_cleanup(int argc, char** argv) {
  CLI::App app("", "nvhook cleanup");
  Cleanup cleanup;
  add_options(app, cleanup);
  auto answer = parse(app, argc, argv, help_of_cleanup);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (*answer) return std::move(**answer);
  for (auto* path : {&cleanup.config_file, &cleanup.debug_file})
    if (*path) *path = absolute(std::move(**path));
  return cleanup;
}

Result<Asked> parse_reapply(int argc, char** argv) {
  CLI::App app("", "nvhook reapply");
  Reapply reapply;
  add_options(app, reapply);
  auto answer = parse(app, argc, argv, help_of_reapply);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (*answer) return std::move(**answer);
  for (auto* path : {&reapply.config_file, &reapply.debug_file})
    if (*path) *path = absolute(std::move(**path));
  return reapply;
}

}  // namespace

// Only here: the usual run does not pay for words that nobody reads.
std::string help_text() {
  CLI::App app(kDescription, "nvhook");
  Options options;
  add_options(app, options);
  app.footer(kFooter);
  app.formatter(std::make_shared<HelpLayout>(kUsage, "Stage"));
  return app.help();
}

namespace {

// What runtimes call: a stage, and a file of settings by its whole path, or neither. It does not
// pay for CLI11's learning all options: 0.05 ms of each container's start.
std::optional<Command> usual_call(std::span<const char* const> words) {
  Command command;
  if (!words.empty() && is_stage(words.front())) {
    command.stage = words.front();
    words = words.subspan(1);
  }
  if (words.size() == 2 && std::string_view(words[0]) == "--config" && *words[1] == '/') {
    command.config_file = words[1];
    words = {};
  }
  if (!words.empty()) return std::nullopt;
  return command;
}

}  // namespace

Result<Asked> parse_command_line(int argc, char** argv) {
  if (argc > 0)
    if (auto command = usual_call(std::span(argv + 1, static_cast<std::size_t>(argc) - 1)))
      return *std::move(command);
  const auto word = argc > 1 ? std::string_view(argv[1]) : std::string_view();
  if (word == "reapply") return parse_reapply(argc - 1, argv + 1);
  if (word == "cleanup") return parse_cleanup(argc - 1, argv + 1);
  if (word == "info") return parse_describe<Describe::What::Driver>(argc - 1, argv + 1);
  if (word == "list") return parse_describe<Describe::What::Files>(argc - 1, argv + 1);
  if (word == "config") return parse_describe<Describe::What::Settings>(argc - 1, argv + 1);
  CLI::App app("", "nvhook");
  Options options;
  add_options(app, options);
  auto answer = parse(app, argc, argv, help_text);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (*answer) return std::move(**answer);
  if (options.dry_run) options.command.action = Action::DryRun;
  if (options.format == "json") options.command.format = Format::Json;
  make_absolute(options.command);
  return std::move(options.command);
}

}  // namespace nvhook
