// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/layout.hpp"

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

// Whether the driver libraries of an image, made for CUDA's forward compatibility, may be used.
enum class CudaCompat : std::uint8_t {
  Auto,  // where they are newer than the host's and were made to work on its driver
  Off,
};

// What is done to a container.
struct Container {
  Layout layout = Layout::System;
  CudaCompat cuda_compat = CudaCompat::Auto;
  bool operator==(const Container&) const = default;
};

struct Log {
  std::string file;  // absolute; empty: no log
  bool operator==(const Log&) const = default;
};

struct Settings {
  Roots roots;
  Search search;
  Container container;
  Log log;
  bool operator==(const Settings&) const = default;
};

// The settings of a machine without a configuration file.
[[nodiscard]] Settings defaults();

struct Parsed {
  Settings settings;
  std::vector<Warning> warnings;  // W_CONFIG_KEY: unknown keys, with the known one that is close
};

// Parses TOML text over the defaults. Pure; `origin` stands in messages as it is given: a file's
// name, fit for a terminal. A list replaces the default list; where a path is unset by default ("")
// it may be written so.
// Fails with E_CONFIG: a syntax error (with line and column), a key of the wrong type, a path that
// is not absolute or has a dot component, a word that is none of the key's, a line longer than
// 16 KiB.
[[nodiscard]] Result<Parsed> parse(std::string_view toml, std::string_view origin);

}  // namespace nvhook::config
