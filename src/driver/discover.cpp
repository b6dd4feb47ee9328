// SPDX-License-Identifier: Apache-2.0
#include "nvhook/driver/discover.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "driver/config_files.hpp"
#include "driver/drm.hpp"
#include "driver/extra_nodes.hpp"
#include "driver/firmware.hpp"
#include "driver/gds_files.hpp"
#include "driver/gpus.hpp"
#include "driver/kernel_files.hpp"
#include "driver/libraries.hpp"
#include "driver/mig.hpp"
#include "driver/nodes.hpp"
#include "driver/programs.hpp"
#include "driver/resolver.hpp"
#include "driver/sockets.hpp"
#include "driver/version.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::driver {
namespace {

constexpr std::size_t kMaxDevices = 8192;  // bytes of /proc/devices, /proc/misc; usual are 1000
// What draws through the kernel's graphics subsystem.
constexpr Capabilities kDrm{Capability::Graphics, Capability::Display};

template <class T>
void append(std::vector<T>& all, std::vector<T>&& more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// The real path of an open directory, fit to have an absolute path appended: "" for "/".
Result<std::string> prefix_of(int fd) {
  auto path = files::path_of(fd);
  if (!path) return std::unexpected(std::move(path).error().as(ErrorId::DriverRead));
  return *path == "/" ? std::string() : *std::move(path);
}

// A driver in a container brings its own nodes, one in a directory of the host does not.
Result<UniqueFd> open_dev_root(const Where& where, HostRoot driver_root) {
  if (!where.dev_root.empty())
    return files::open_host_directory(where.dev_root, ErrorId::NodeMissing);
  const auto control = files::open_at(driver_root.fd, where.node_directory + "/nvidiactl",
                                      O_PATH | O_NOFOLLOW, files::Lookup::InRoot);
  if (!control && !leads_nowhere(control.error())) return std::unexpected(control.error());
  return files::open_host_directory(control ? where.driver_root : "/", ErrorId::NodeMissing);
}

// The text of a file of numbers, devices or misc.
Result<std::string> read_numbers(int proc, std::string_view name) {
  auto text = files::read_file(proc, name, kMaxDevices, files::Lookup::InRoot);
  if (text) return text;
  if (text.error().code() == std::errc::no_such_file_or_directory) return std::string();
  return std::unexpected(std::move(text).error().as(ErrorId::DriverRead));
}

Result<NodeFolder> open_nodes(const Where& where, HostRoot driver_root) {
  const auto dev_root = open_dev_root(where, driver_root);
  if (!dev_root) return std::unexpected(dev_root.error());
  auto directory = files::open_at(dev_root->get(), where.node_directory, O_PATH | O_DIRECTORY,
                                  files::Lookup::InRoot);
  if (!directory) return std::unexpected(std::move(directory).error().as(ErrorId::NodeMissing));
  auto path = files::path_of(directory->get());
  if (!path) return std::unexpected(std::move(path).error().as(ErrorId::NodeMissing));
  return NodeFolder{std::move(*directory), HostPath{*std::move(path)}};
}

// The parts of GPUs, and the rights to all of them.
Result<void> find_mig(int proc, const NodeDirectory& nodes, const Majors& majors,
                      const Wanted& wanted, Driver& driver) {
  const CapabilitySources sources{.proc = proc, .nodes = nodes, .major = majors.caps};
  if (wanted.mig)
    if (auto done = find_instances(sources, driver.gpus); !done) return done;
  if (!wanted.mig_controls) return {};
  for (auto [file, access] : {std::pair{"mig/config", &driver.mig_config},
                              std::pair{"mig/monitor", &driver.mig_monitor}}) {
    auto found = find_access(sources, file);
    if (!found) return std::unexpected(std::move(found).error());
    *access = std::move(*found);
  }
  auto partitioning = find_partitioning(sources, driver.gpus);
  if (!partitioning) return std::unexpected(std::move(partitioning).error());
  driver.partitioning = std::move(*partitioning);
  return {};
}

Result<void> find_features(int proc, const NodeDirectory& nodes, std::string_view devices,
                           const Wanted& wanted, Driver& driver) {
  if (wanted.features.empty()) return {};
  const auto misc = read_numbers(proc, "misc");
  if (!misc) return std::unexpected(misc.error());
  for (const auto feature : wanted.features) {
    auto found = find_feature(nodes, {.devices = devices, .misc = *misc}, feature);
    if (!found) return std::unexpected(std::move(found).error());
    driver.features.push_back(std::move(*found));
  }
  return {};
}

// Nodes of all kinds, into `driver`, which has the GPUs.
Result<void> find_all_nodes(const Where& where, HostRoot driver_root, int proc,
                            const Wanted& wanted, Driver& driver) {
  const auto devices = read_numbers(proc, "devices");
  if (!devices) return std::unexpected(devices.error());
  const auto majors = parse_majors(*devices);
  const auto folder = open_nodes(where, driver_root);
  if (!folder) return std::unexpected(folder.error());
  const auto directory = folder->directory();
  auto nodes = find_nodes(directory, majors, wanted.capabilities, driver.gpus);
  if (!nodes) return std::unexpected(std::move(nodes).error());
  driver.nodes = std::move(nodes->nodes);
  append(driver.warnings, std::move(nodes->warnings));
  if (!(wanted.capabilities & kDrm).empty()) {
    auto warnings = find_drm_nodes(directory, where.sys_root, driver.gpus);
    if (!warnings) return std::unexpected(std::move(warnings).error());
    append(driver.warnings, std::move(*warnings));
  }
  if (auto done = find_mig(proc, directory, majors, wanted, driver); !done) return done;
  if (wanted.imex_channels) {
    auto channels = find_imex_channels(directory, majors.imex_channels);
    if (!channels) return std::unexpected(std::move(channels).error());
    driver.imex_channels = std::move(*channels);
  }
  return find_features(proc, directory, *devices, wanted, driver);
}

// Everything besides libraries, programs and nodes.
Result<void> find_files(const Where& where, HostRoot root, Resolver& resolver, int proc,
                        const Wanted& wanted, Driver& driver) {
  const auto& extras = where.extras;
  auto kernel_files = find_kernel_files(proc, where.proc_root, extras.procfs);
  if (!kernel_files) return std::unexpected(std::move(kernel_files).error());
  driver.kernel_files = std::move(*kernel_files);
  auto sockets = find_sockets(root, extras, wanted.capabilities);
  if (!sockets) return std::unexpected(std::move(sockets).error());
  append(driver.files, std::move(sockets->files));
  append(driver.omitted, std::move(sockets->omitted));
  append(driver.warnings, std::move(sockets->warnings));
  auto firmware = extras.firmware ? find_firmware(root, driver.version, where.sys_root)
                                  : Result<std::vector<File>>();
  if (!firmware) return std::unexpected(std::move(firmware).error());
  append(driver.files, std::move(*firmware));
  auto config = find_config_files(resolver, wanted.capabilities);
  if (!config) return std::unexpected(std::move(config).error());
  append(driver.files, std::move(*config));
  if (std::ranges::find(wanted.features, Feature::Gds) == wanted.features.end()) return {};
  auto gds = find_gds_files(resolver);
  if (!gds) return std::unexpected(std::move(gds).error());
  append(driver.files, std::move(*gds));
  return {};
}

// The version, into `driver`.
Result<Driver> begin(const Where& where) {
  Driver driver;
  driver.root = where.driver_root;
  auto version = find_version(where.sys_root, where.proc_root);
  if (!version) return std::unexpected(std::move(version).error());
  driver.version = *std::move(version);
  return driver;
}

// Libraries and programs, into `driver`, which has the version. `root_path` is the root's real
// path, without a slash at the end.
Result<void> find_libraries_and_programs(const Where& where, HostRoot root,
                                         const std::string& root_path, Resolver& resolver,
                                         const Wanted& wanted, Driver& driver) {
  auto libraries = find_libraries({.root = root,
                                   .root_path = root_path,
                                   .resolver = resolver,
                                   .version = driver.version,
                                   .directories = where.library_directories},
                                  wanted.capabilities, wanted.purpose);
  if (!libraries) return std::unexpected(std::move(libraries).error());
  driver.libraries = std::move(libraries->libraries);
  driver.omitted = std::move(libraries->omitted);
  append(driver.warnings, std::move(libraries->warnings));
  auto programs = find_programs(root, resolver, where.program_directories, wanted.capabilities);
  if (!programs) return std::unexpected(std::move(programs).error());
  driver.programs = *std::move(programs);
  return {};
}

}  // namespace

Result<Driver> discover_files(const Where& where, const Wanted& wanted) {
  auto driver = begin(where);
  if (!driver) return driver;
  const auto root = files::open_host_directory(where.driver_root, ErrorId::DriverRead);
  if (!root) return std::unexpected(root.error());
  const HostRoot driver_root{root->get()};
  const auto prefix = prefix_of(driver_root.fd);
  if (!prefix) return std::unexpected(prefix.error());
  Resolver resolver(driver_root, {prefix->empty() ? "/" : *prefix});
  auto done = find_libraries_and_programs(where, driver_root, *prefix, resolver, wanted, *driver);
  if (!done) return std::unexpected(std::move(done).error());
  return driver;
}

Result<Driver> discover(const Where& where, const Wanted& wanted) {
  auto begun = begin(where);
  if (!begun) return begun;
  auto& driver = *begun;

  const auto root = files::open_host_directory(where.driver_root, ErrorId::DriverRead);
  if (!root) return std::unexpected(root.error());
  const auto proc = files::open_host_directory(where.proc_root, ErrorId::DriverRead);
  if (!proc) return std::unexpected(proc.error());
  const HostRoot driver_root{root->get()};
  auto prefix = prefix_of(root->get());
  if (!prefix) return std::unexpected(std::move(prefix).error());
  Resolver resolver(driver_root, {prefix->empty() ? "/" : *prefix});
  if (auto done =
          find_libraries_and_programs(where, driver_root, *prefix, resolver, wanted, driver);
      !done)
    return std::unexpected(std::move(done).error());

  auto gpus = find_gpus(proc->get());
  if (!gpus) return std::unexpected(std::move(gpus).error());
  driver.gpus = *std::move(gpus);
  if (driver.gpus.empty())
    driver.warnings.push_back(
        {WarningId::NoGpus, "driver " + driver.version + " is loaded, but has no GPU to drive"});

  if (auto done = find_files(where, driver_root, resolver, proc->get(), wanted, driver); !done)
    return std::unexpected(std::move(done).error());
  if (auto done = find_all_nodes(where, driver_root, proc->get(), wanted, driver); !done)
    return std::unexpected(std::move(done).error());
  return begun;
}

}  // namespace nvhook::driver
