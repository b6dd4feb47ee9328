// SPDX-License-Identifier: Apache-2.0
// nvhook-companion: Docker's volume plugin and the REST API of 2016, also as nvidia-docker-plugin.
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "clean_start.hpp"
#include "companion_command_line.hpp"
#include "companion_setup.hpp"
#include "nvhook/companion/log.hpp"
#include "nvhook/companion/service_manager.hpp"
#include "nvhook/companion/supervise.hpp"
#include "nvhook/driver/identify.hpp"
#include "nvhook/sandbox/confine.hpp"
#include "nvhook/volumes/store.hpp"

namespace nvhook {
namespace {

using companion::Log;
using companion::Manner;
using companion::ServiceManager;

void print(int stream, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(stream, text.data(), text.size());
    if (written < 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

Result<void> prune(const companion::Setup& setup) {
  const auto identity = driver::identify(setup.where);
  if (!identity) return std::unexpected(identity.error());
  const auto version = volumes::Version::parse(identity->version);
  if (!version)
    return failure(ErrorId::DriverRead, "the driver's version, " + identity->version +
                                            ", is none that a volume can be of");
  const auto store = volumes::Store::open({.path = setup.store, .links = setup.links});
  if (!store) return std::unexpected(store.error());
  if (auto confined = sandbox::confine_to_volumes(); !confined) return confined;
  const auto pruned = store->prune(*version);
  if (!pruned) return std::unexpected(pruned.error());
  std::string text;
  for (const auto& removed : pruned->removed)
    text += "removed  " + std::string(volumes::kKind) + "_" + removed + "\n";
  for (const auto& left : pruned->left)
    text +=
        "left     " + std::string(volumes::kKind) + "_" + left.version + ": " + left.reason + "\n";
  print(STDOUT_FILENO, text.empty() ? "nothing to remove\n" : text);
  return {};
}

Result<void> run(const CompanionOptions& options, ServiceManager manager, const Log& log) {
  if (::chdir("/") != 0) return system_failure(ErrorId::Kernel, "chdir /");
  auto inherited = companion::take_sockets(manager);
  if (!inherited) return std::unexpected(std::move(inherited).error());
  const auto read = [&options, &log]() -> Result<companion::Setup> {
    auto setup = setup_of(options);
    if (!setup) return std::unexpected(std::move(setup).error());
    for (const auto& warning : setup->warnings) log.warning(warning);
    return std::move(setup->setup);
  };
  auto setup = read();
  if (!setup) return std::unexpected(std::move(setup).error());
  if (options.task == CompanionOptions::Task::Prune) return prune(*setup);
  return companion::supervise({.setup = std::move(*setup),
                               .inherited = std::move(*inherited),
                               .manager = std::move(manager),
                               .read_again = read},
                              log);
}

// The original knows one status for everything that goes wrong.
int status_of(const Error& error, const Log& log) {
  return log.manner() == Manner::Original ? EXIT_FAILURE : exit_status_of(error.id());
}

int start(int argc, char** argv) {
  auto manager = companion::read_service_manager();
  // The C library has acted on it already, and starting again would lose what the service manager
  // has said.
  ::unsetenv("GLIBC_TUNABLES");
  Log log(Manner::Ours, "nvhook-companion");
  const auto fail = [&log](const Error& error) {
    log.error(error);
    return status_of(error, log);
  };
  const auto surroundings = clean_start(argv, STDERR_FILENO + manager.sockets);
  if (!surroundings) return fail(surroundings.error());
  if (surroundings->lent_privileges)
    return fail(Error(ErrorId::Setuid, "this file must be neither setuid nor have capabilities"));
  auto parsed = parse_companion_options(argc, argv);
  if (!parsed) return fail(parsed.error());
  if (const auto* printed = std::get_if<Printed>(&*parsed)) {
    print(printed->stream, printed->text);
    return printed->status;
  }
  const auto& options = std::get<CompanionOptions>(*parsed);
  log = Log(options.manner, options.name);
  const auto done = run(options, std::move(manager), log);
  return done ? EXIT_SUCCESS : fail(done.error());
}

}  // namespace
}  // namespace nvhook

int main(int argc, char** argv) {
  using namespace nvhook;
  try {
    return start(argc, argv);
  } catch (const std::bad_alloc&) {
    print(STDERR_FILENO, "nvhook-companion: E_KERNEL: out of memory\n");
    return exit_status_of(ErrorId::Kernel);
  } catch (const std::exception& bug) {  // our own code reports through Result
    print(STDERR_FILENO, "nvhook-companion: E_BUG: " + std::string(bug.what()) + "\n");
    return exit_status_of(ErrorId::Bug);
  }
}
