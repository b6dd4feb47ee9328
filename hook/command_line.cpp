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
#include <memory>
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

A container asks for GPUs in its environment (process.env of config.json):
  NVIDIA_VISIBLE_DEVICES      which GPUs: "all", "0,2" (in PCI order),
                              "GPU-<uuid>", "none" (driver without GPUs) or
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

// The path as seen from the directory that the user stands in, before we leave it.
std::string absolute(std::string path) {
  if (path.empty() || path.front() == '/') return path;
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) == nullptr) return path;
  return std::string(here.data()) + "/" + path;
}

bool is_stage(std::string_view word) {
  constexpr std::array<std::string_view, 3> kStages = {"prestart", "createRuntime",
                                                       "createContainer"};
  return std::ranges::find(kStages, word) != kStages.end();
}

struct Options {
  Command command;
  bool dry_run = false;
  std::string format;
};

void add_options(CLI::App& app, Options& options) {
  auto& command = options.command;
  app.add_option("STAGE", command.stage, "prestart or createRuntime: which hook this is (optional)")
      ->option_text(" ")
      ->check([](const std::string& word) {
        return is_stage(word) ? std::string() : "unknown command \"" + word + "\"";
      });
  auto* dry_run = app.add_flag("--dry-run", options.dry_run, "Print the plan, change nothing");
  app.add_option("--bundle", command.bundle, "Plan for this bundle, without a container")
      ->option_text("DIR")
      ->needs(dry_run);
  app.add_option("--format", options.format, "Print the plan as text (default) or json")
      ->option_text("FORMAT")
      ->needs(dry_run)
      ->check([](const std::string& word) {
        return word == "text" || word == "json" ? std::string()
                                                : "\"" + word + "\" is neither text nor json";
      });
  const auto path = [&app](const char* name, std::optional<std::string>& into, const char* type,
                           const char* text) {
    app.add_option(name, into, text)->option_text(type);
  };
  path("--config", command.config_file, "FILE", "Settings (/etc/nvhook/config.toml)");
  path("--driver-root", command.driver_root, "DIR",
       "Holds the driver's files and etc/ld.so.cache (/)");
  path("--dev-root", command.dev_root, "DIR",
       "Contains dev/ (driver root if it has dev/nvidiactl, or /)");
  path("--proc-root", command.proc_root, "DIR",
       "Stands for /proc where the driver's facts are read (/proc)");
  path("--sys-root", command.sys_root, "DIR", "Stands for /sys, likewise (/sys)");
  path("--debug", command.debug_file, "FILE", "Append the plan and each step to this file");
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", "nvhook " + std::string(kVersion), "Print the version");
}

// The bundle gives the container its name, so "." is worth resolving. A path that leads nowhere is
// reported by whoever opens it.
std::string canonical(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return ::realpath(path.c_str(), resolved.data()) == nullptr ? absolute(path) : resolved.data();
}

void make_absolute(Command& command) {
  if (command.bundle) command.bundle = canonical(*command.bundle);
  for (auto* path : {&command.config_file, &command.driver_root, &command.dev_root,
                     &command.proc_root, &command.sys_root, &command.debug_file})
    if (*path) *path = absolute(std::move(**path));
}

// CLI11's words have those of the command line in them, as they came.
std::string shown(std::string text) {
  constexpr std::size_t kMost = 256;  // a message stays one line that a person reads
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  if (text.size() > kMost) text.replace(kMost, text.npos, "...");
  return text;
}

// CLI11 has one line for the usage, and we have three.
class HelpLayout : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return kUsage;
  }
};

}  // namespace

// Only here: the usual run does not pay for words that nobody reads.
std::string help_text() {
  CLI::App app("", "nvhook");
  Options options;
  add_options(app, options);
  app.description(kDescription);
  app.footer(kFooter);
  const auto layout = std::make_shared<HelpLayout>();
  layout->label("Positionals", "Stage");
  layout->column_width(22);
  app.formatter(layout);
  return app.help();
}

Result<std::variant<Command, Answer>> parse_command_line(int argc, char** argv) {
  // What runtimes call most, "nvhook" or "nvhook prestart", does not pay for CLI11's learning all
  // options: 0.05 ms of each container's start.
  if (argc == 1) return Command{};
  if (argc == 2 && is_stage(argv[1])) {
    Command command;
    command.stage = argv[1];
    return command;
  }
  CLI::App app("", "nvhook");
  Options options;
  add_options(app, options);
  app.allow_windows_style_options(false);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Answer{help_text()};
  } catch (const CLI::CallForVersion&) {
    return Answer{"nvhook " + std::string(kVersion) + "\n"};
  } catch (const CLI::ParseError& wrong) {
    return failure(ErrorId::Usage, shown(wrong.what()) + " (nvhook --help)");
  }
  if (options.dry_run) options.command.action = Action::DryRun;
  if (options.format == "json") options.command.format = Format::Json;
  make_absolute(options.command);
  return std::move(options.command);
}

}  // namespace nvhook
