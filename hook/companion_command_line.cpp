// SPDX-License-Identifier: Apache-2.0
#include "companion_command_line.hpp"

#include <unistd.h>

#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "cli_parts.hpp"
#include "nvhook/companion/original.hpp"
#include "version.hpp"

namespace nvhook {
namespace {

namespace original = companion::original;
using Asked = std::variant<CompanionOptions, Printed>;

// Lines of 80 columns at most.
constexpr auto kAbout =
    R"(Serves hosts whose Docker is driven as in 2016, in the place of
nvidia-docker-plugin: Docker's volume plugin, which gives containers the driver
as a volume, and a REST API that tells of the GPUs; with metrics for Prometheus,
and a page to look at. Started under the name nvidia-docker-plugin it takes that
program's options, and speaks and ends as it did.
)";

constexpr auto kUsage = R"(Usage:
  nvhook-companion [OPTION]...           serves until it is ended
  nvhook-companion prune [OPTION]...     removes volumes of drivers of former
                                         times that nobody uses
  nvhook serve [...]                     the same
)";

constexpr auto kAboutPrune =
    R"(Removes the volumes of drivers that this host had formerly, unless a container
uses them now. A container that is stopped uses nothing, and cannot be started
again without its volume. Says what it did.
)";

constexpr auto kUsageOfPrune = R"(Usage:
  nvhook-companion prune [OPTION]...
)";

constexpr auto kFooter =
    R"(Signals: HUP reads the settings again; TERM and INT end it, when the requests
that run are answered.

Settings are in [companion] of /etc/nvhook/config.toml; options win over them.
Exit status as of nvhook. The manual is nvhook-companion(8).)";

void add_common_options(CLI::App& app, CompanionOptions& options) {
  app.add_option("-d,--store", options.store, "Holds the volumes (/var/lib/nvidia-docker/volumes)")
      ->option_text("DIR");
  add_root_options(app, options);
  app.add_option("--config", options.config_file, "Settings (/etc/nvhook/config.toml)")
      ->option_text("FILE");
  app.set_help_flag("-h,--help", "Print this help");
}

void add_options(CLI::App& app, CompanionOptions& options) {
  app.option_defaults()->take_last();  // a unit's options, and those that somebody adds to them
  app.add_option("-l,--listen", options.listen, "Serve the REST API there (127.0.0.1:3476)")
      ->option_text("ADDRESS");
  app.add_flag("--listen-insecure", options.listen_insecure,
               "Also where others than this host reach it");
  app.add_option("--allow-host", options.allowed_hosts,
                 "Also answer to this name of the host; may be repeated")
      ->option_text("NAME")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check([](const std::string& name) {
        return config::is_host_name(name) ? std::string() : "\"" + name + "\" is no name of a host";
      });
  app.add_flag("--hide-processes", options.hide_processes,
               "Do not tell of the processes on the GPUs");
  app.add_option("-s,--socket-directory", options.socket_directory,
                 "Holds the plugin's socket (/run/docker/plugins)")
      ->option_text("DIR");
  app.add_option("--spec-file", options.spec_file,
                 "Write this, for Docker to find the socket elsewhere")
      ->option_text("FILE");
  app.add_flag("--no-rest", options.no_rest, "No REST API");
  app.add_flag("--no-volumes", options.no_volumes, "No volume plugin");
  add_common_options(app, options);
  app.set_version_flag("--version", "nvhook-companion " + std::string(kVersion),
                       "Print the version");
}

std::string help() {
  CLI::App app(kAbout, "nvhook-companion");
  CompanionOptions options;
  add_options(app, options);
  app.footer(kFooter);
  app.formatter(std::make_shared<HelpLayout>(kUsage, ""));
  return app.help();
}

std::string help_of_prune() {
  CLI::App app(kAboutPrune, "nvhook-companion prune");
  CompanionOptions options;
  add_common_options(app, options);
  app.formatter(std::make_shared<HelpLayout>(kUsageOfPrune, ""));
  return app.help();
}

void make_absolute(CompanionOptions& options) {
  for (auto* path :
       {&options.config_file, &options.driver_root, &options.dev_root, &options.proc_root,
        &options.sys_root, &options.store, &options.socket_directory, &options.spec_file})
    if (*path) *path = absolute(std::move(**path));
}

Result<Asked> parse_ours(int argc, char** argv) {
  const bool prune = argc > 1 && std::string_view(argv[1]) == "prune";
  CompanionOptions options{
      .task = prune ? CompanionOptions::Task::Prune : CompanionOptions::Task::Serve,
      .name = "nvhook-companion"};
  CLI::App app("", prune ? "nvhook-companion prune" : "nvhook-companion");
  app.allow_windows_style_options(false);
  prune ? add_common_options(app, options) : add_options(app, options);
  try {
    app.parse(argc - (prune ? 1 : 0), argv + (prune ? 1 : 0));
  } catch (const CLI::CallForHelp&) {
    return Printed{.text = prune ? help_of_prune() : help()};
  } catch (const CLI::CallForVersion&) {
    return Printed{.text = "nvhook-companion " + std::string(kVersion) + "\n"};
  } catch (const CLI::ParseError& wrong) {
    return failure(ErrorId::Usage,
                   shown_on_one_line(wrong.what()) + " (" + app.get_name() + " --help)");
  }
  make_absolute(options);
  return options;
}

Asked parse_original(int argc, char** argv) {
  const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
  auto parsed = original::parse(words[0], words.subspan(1));
  if (auto* refusal = std::get_if<original::Refusal>(&parsed))
    return Printed{
        .text = std::move(refusal->text), .stream = STDERR_FILENO, .status = refusal->status};
  auto& flags = std::get<original::Flags>(parsed);
  if (flags.version) return Printed{.text = std::string(original::kVersionText)};
  CompanionOptions options{.manner = companion::Manner::Original,
                           .name = std::string(original::kName)};
  options.store = std::move(flags.store);
  options.listen = std::move(flags.listen);
  options.socket_directory = std::move(flags.socket_directory);
  make_absolute(options);
  return options;
}

}  // namespace

Result<Asked> parse_companion_options(int argc, char** argv) {
  const std::string_view path = argc > 0 ? argv[0] : "";
  if (path.substr(path.rfind('/') + 1) == original::kName) return parse_original(argc, argv);
  return parse_ours(argc, argv);
}

}  // namespace nvhook
