// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/layout.hpp"
#include "nvhook/base/procfs_view.hpp"

namespace nvhook::config {

inline constexpr std::string_view kDefaultFile = "/etc/nvhook/config.toml";
inline constexpr std::size_t kMaxConfigFile = std::size_t{1} << 20U;

// Where the driver's parts are found. docs/configuration.md tells what each root stands for.
struct Roots {
  std::string driver = "/";
  std::string dev;  // contains dev/; empty: the driver root if it has dev/nvidiactl, else "/"
  std::string proc = "/proc";
  std::string sys = "/sys";
  bool operator==(const Roots&) const = default;
};

// Directories below the driver root (nodes: below the dev root), searched in this order.
struct Search {
  std::vector<std::string> libraries;  // where the driver root has no etc/ld.so.cache
  std::vector<std::string> programs;
  std::string nodes = "/dev";
  bool operator==(const Search&) const = default;
};

// What of a container's request is listened to.
struct Requests {
  bool accept_environment_when_unprivileged = true;
  bool accept_volume_mounts = false;
  // Variables that ask for GPUs in place of NVIDIA_VISIBLE_DEVICES where one of them is set.
  std::vector<std::string> swarm_resources;
  Capabilities supported_capabilities = Capabilities::all();
  bool disable_require = false;  // what images require of the driver is not looked at
  bool ignore_imex_channels = false;
  bool operator==(const Requests&) const = default;
};

// Whether the driver libraries of an image, made for CUDA's forward compatibility, may be used.
enum class CudaCompat : std::uint8_t {
  Auto,  // where they are newer than the host's and were made to work on its driver
  Off,
};

// What is done to a container.
struct Container {
  Layout layout = Layout::System;
  CudaCompat cuda_compat = CudaCompat::Auto;
  ProcfsView procfs = ProcfsView::View;
  std::string mps_directory;  // absolute; empty: the pipes of MPS are not mounted
  bool persistenced_socket = true;
  bool fabricmanager_socket = true;
  bool firmware = true;
  bool cgroups = true;  // false: its device cgroup is left alone
  bool operator==(const Container&) const = default;
};

// The program that asks NVML, where a request turns on what nothing else knows.
struct Nvml {
  std::string probe;  // absolute; empty: ../libexec/nvhook/nvhook-nvml from where nvhook lies
  std::chrono::milliseconds deadline = std::chrono::seconds(20);
  bool operator==(const Nvml&) const = default;
};

inline constexpr std::chrono::milliseconds kShortestDeadline{100};
inline constexpr std::chrono::milliseconds kLongestDeadline = std::chrono::seconds(40);

struct Log {
  std::string file;  // absolute; empty: no log
  bool operator==(const Log&) const = default;
};

// nvhook-companion: Docker's volume plugin of 2016, and the REST API beside it.
struct Companion {
  bool rest = true;
  bool volumes = true;
  std::string listen = "127.0.0.1:3476";  // as parse_address() takes it
  bool listen_insecure = false;           // also where others than this host reach it
  std::vector<std::string>
      allowed_hosts;          // names that this host may be asked for by, beside its own
  bool processes = true;  // whether the processes on the GPUs are told of
  std::string store = "/var/lib/nvidia-docker/volumes";
  bool links = true;  // volumes are made of hard links where that is possible
  std::string socket_directory = "/run/docker/plugins";
  std::string spec_file;  // absolute; empty: none is written
  bool operator==(const Companion&) const = default;
};

struct Settings {
  Roots roots;
  Search search;
  Requests requests;
  Container container;
  Nvml nvml;
  Companion companion;
  Log log;
  bool operator==(const Settings&) const = default;
};

// The settings of a machine without a configuration file.
[[nodiscard]] Settings defaults();

// That a setting was made, and where.
struct Given {
  std::string_view table;        // "roots"
  std::string_view name;         // "driver"
  std::uint32_t line = 0;        // of the file; 0: not there
  std::string_view option = {};  // of the command line, "--driver-root"; empty: not there
};

struct Parsed {
  Settings settings;
  // W_CONFIG_KEY: unknown keys, with the known one that is close, and values that have no effect.
  std::vector<Warning> warnings{};
  std::string file{};          // as messages have it; empty: none was read
  std::vector<Given> given{};  // of a setting that was made twice the last counts
};

// Parses TOML text over the defaults. Pure; `origin` stands in messages as it is given: a file's
// name, fit for a terminal. A list replaces the default list; where a path is unset by default ("")
// it may be written so.
// Fails with E_CONFIG: a syntax error (with line and column), a key of the wrong type, a path that
// is not absolute or has a dot component, a word that is none of the key's, a number beyond the
// key's bounds, a name that no variable can have, a line longer than 16 KiB.
[[nodiscard]] Result<Parsed> parse(std::string_view toml, std::string_view origin);

}  // namespace nvhook::config
