// SPDX-License-Identifier: Apache-2.0
#include "companion_setup.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/config/load.hpp"
#include "where.hpp"

namespace nvhook {
namespace {

using companion::Endpoint;
using companion::Manner;

template <class Value>
void take(const std::optional<Value>& given, Value& setting) {
  if (given) setting = *given;
}

void let_options_win(const CompanionOptions& options, config::Settings& settings) {
  take(options.driver_root, settings.roots.driver);
  take(options.dev_root, settings.roots.dev);
  take(options.proc_root, settings.roots.proc);
  take(options.sys_root, settings.roots.sys);
  auto& own = settings.companion;
  take(options.store, own.store);
  take(options.socket_directory, own.socket_directory);
  take(options.spec_file, own.spec_file);
  own.allowed_hosts.insert(own.allowed_hosts.end(), options.allowed_hosts.begin(),
                           options.allowed_hosts.end());
  if (options.listen_insecure) own.listen_insecure = true;
  if (options.hide_processes) own.processes = false;
  if (options.no_rest) own.rest = false;
  if (options.no_volumes) own.volumes = false;
}

// "localhost:3476" is what nvidia-docker-plugin was told by default.
std::string without_name(const std::string& listen) {
  constexpr std::string_view kName = "localhost:";
  return listen.starts_with(kName) ? "127.0.0.1:" + listen.substr(kName.size()) : listen;
}

// And what it said that it was told.
std::string as_original(const std::string& listen) {
  return listen == config::Companion().listen ? "localhost:3476" : listen;
}

Result<Endpoint> endpoint_of(const std::string& listen, bool insecure) {
  const auto numeric = without_name(listen);
  auto address = config::parse_address(numeric);
  if (!address)
    return failure(ErrorId::Config, "the REST API is to be served at " + quote(listen) + ", " +
                                        std::string(config::kAddressDue) +
                                        " is due; names are not looked up");
  if (!address->loopback && !insecure)
    return failure(ErrorId::Config,
                   "the REST API is to be served at " + quote(listen) +
                       ", where others than this host reach it and nobody is asked who he is; if "
                       "that is meant, say so: --listen-insecure, or listen_insecure = true");
  return Endpoint{.address = std::move(*address), .both = false, .shown = numeric};
}

// Options are not checked as the file is.
Result<void> check_path(const std::string& path) {
  if (path.empty()) return {};
  if (auto checked = HostPath::parse(path); !checked)
    return std::unexpected(std::move(checked).error().as(ErrorId::Usage));
  return {};
}

}  // namespace

Result<CompanionSetup> setup_of(const CompanionOptions& options) {
  auto parsed = config::load(options.config_file);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  auto& settings = parsed->settings;
  let_options_win(options, settings);
  const auto& own = settings.companion;
  if (!own.rest && !own.volumes)
    return failure(ErrorId::Config, "neither the REST API nor the volume plugin is to be served");
  companion::Setup setup{.manner = options.manner,
                         .rest = own.rest,
                         .volumes = own.volumes,
                         .endpoint = {},
                         .allowed_hosts = own.allowed_hosts,
                         .processes = own.processes,
                         .store = own.store,
                         .links = own.links,
                         .socket_directory = own.socket_directory,
                         .spec_file = own.spec_file,
                         .where = where_of(settings),
                         .probe = settings.nvml.probe,
                         .nvml_deadline = settings.nvml.deadline};
  if (options.manner == Manner::Ours)
    for (const auto* path : {&setup.store, &setup.socket_directory, &setup.spec_file})
      if (auto checked = check_path(*path); !checked)
        return std::unexpected(std::move(checked).error());
  if (own.rest && options.task == CompanionOptions::Task::Serve) {
    const auto listen = options.listen.value_or(own.listen);
    auto endpoint = options.manner == Manner::Original
                        ? Result<Endpoint>(Endpoint{.shown = as_original(listen)})
                        : endpoint_of(listen, own.listen_insecure);
    if (!endpoint) return std::unexpected(std::move(endpoint).error());
    setup.endpoint = std::move(*endpoint);
  }
  return CompanionSetup{.setup = std::move(setup), .warnings = std::move(parsed->warnings)};
}

}  // namespace nvhook
