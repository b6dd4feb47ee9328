// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include <limits.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <cstdlib>

#include "version.hpp"

namespace nvhook {
namespace {

constexpr auto kDescription = R"(Gives a container the NVIDIA driver of this host.

An OCI runtime runs nvhook while it creates a container, as a "prestart" or "createRuntime" hook,
and writes the container's state to its standard input. What a container gets is asked for in its
environment: NVIDIA_VISIBLE_DEVICES (which GPUs: "all", "0,2", "GPU-<uuid>", "none", "void") and
NVIDIA_DRIVER_CAPABILITIES (which parts of the driver: "compute,utility" unless set). A container
that asks for nothing is left alone.)";

constexpr auto kFooter = R"(
Examples:
  nvhook --dry-run --bundle .          what a container of this bundle would get, and why
  nvhook --dry-run --format json < s   the same for the container whose state is in s
  nvhook < state.json                  what a runtime does

Exit status: 0 done, or nothing to do; 2 the request, state or configuration is wrong; 3 the
host's driver; 4 the container; 5 the kernel; 64 usage; 70 a bug in nvhook. Each message begins
with an id, "nvhook: E_DRIVER_ABSENT: ..."; nvhook(8) and docs/messages.md explain them all.)";

// The path as seen from the directory that the user stands in, before we leave it.
std::string absolute(std::string path) {
  if (path.empty() || path.front() == '/') return path;
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) == nullptr) return path;
  return std::string(here.data()) + "/" + path;
}

struct Options {
  Command command;
  bool dry_run = false;
  std::string format;
};

void add_options(CLI::App& app, Options& options) {
  auto& command = options.command;
  app.add_option("STAGE", command.stage,
                 "prestart or createRuntime: where in the container's life nvhook is run; "
                 "without it the state tells")
      ->check([](const std::string& word) {
        constexpr std::array kStages = {"prestart", "createRuntime", "createContainer"};
        for (const auto* stage : kStages)
          if (word == stage) return std::string();
        return "unknown command \"" + word + "\"";
      });
  auto* dry_run =
      app.add_flag("--dry-run", options.dry_run, "Print what would be done, and change nothing");
  app.add_option("--bundle", command.bundle,
                 "Plan for this bundle directory instead of a running container")
      ->type_name("DIR")
      ->needs(dry_run);
  app.add_option("--format", options.format, "How to print the plan: text or json")
      ->type_name("FORMAT")
      ->needs(dry_run)
      ->check([](const std::string& word) {
        return word == "text" || word == "json" ? std::string()
                                                : "\"" + word + "\" is neither text nor json";
      });
  const auto path = [&app](const char* name, std::optional<std::string>& into, const char* type,
                           const char* text) { app.add_option(name, into, text)->type_name(type); };
  path("--config", command.config_file, "FILE", "Settings (default: /etc/nvhook/config.toml)");
  path("--driver-root", command.driver_root, "DIR",
       "Where the driver's libraries, programs and etc/ld.so.cache are (default: /)");
  path("--dev-root", command.dev_root, "DIR",
       "What contains dev/ with the driver's nodes (default: the driver root, or /)");
  path("--proc-root", command.proc_root, "DIR",
       "What stands for /proc where facts of the driver are read (default: /proc)");
  path("--sys-root", command.sys_root, "DIR", "What stands for /sys, likewise (default: /sys)");
  path("--debug", command.debug_file, "FILE", "Append the plan and every step to this file");
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

// CLI11 builds its help at a cost; the usual run never asks for it.
void describe(CLI::App& app) {
  app.description(kDescription);
  app.footer(kFooter);
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", "nvhook " + std::string(kVersion), "Print the version");
}

}  // namespace

std::string help_text() {
  CLI::App app("", "nvhook");
  Options options;
  describe(app);
  add_options(app, options);
  app.get_formatter()->column_width(28);
  return app.help();
}

Result<std::variant<Command, Answer>> parse_command_line(int argc, char** argv) {
  CLI::App app("", "nvhook");
  Options options;
  describe(app);
  add_options(app, options);
  app.allow_windows_style_options(false);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Answer{help_text()};
  } catch (const CLI::CallForVersion&) {
    return Answer{"nvhook " + std::string(kVersion) + "\n"};
  } catch (const CLI::ParseError& wrong) {
    return failure(ErrorId::Usage, std::string(wrong.what()) + " (nvhook --help)");
  }
  if (options.dry_run) options.command.action = Action::DryRun;
  if (options.format == "json") options.command.format = Format::Json;
  make_absolute(options.command);
  return std::move(options.command);
}

}  // namespace nvhook
