// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/companion/setup.hpp"

namespace nvhook {

// What the user asked nvhook-companion for. All paths are absolute already.
struct CompanionOptions {
  enum class Task { Serve, Prune };
  Task task = Task::Serve;
  companion::Manner manner = companion::Manner::Ours;
  std::string name{};  // of the program, for the log
  std::optional<std::string> config_file{};
  std::optional<std::string> driver_root{};
  std::optional<std::string> dev_root{};
  std::optional<std::string> proc_root{};
  std::optional<std::string> sys_root{};
  // What wins over the file.
  std::optional<std::string> store{};
  std::optional<std::string> listen{};
  std::optional<std::string> socket_directory{};
  std::optional<std::string> spec_file{};
  std::vector<std::string> allowed_hosts{};
  bool listen_insecure = false;
  bool hide_processes = false;
  bool no_rest = false;
  bool no_volumes = false;
};

// To be printed instead of doing anything.
struct Printed {
  std::string text;
  int stream = 1;
  int status = 0;
};

// Under the name nvidia-docker-plugin as that program takes its flags. Fails with E_USAGE.
[[nodiscard]] Result<std::variant<CompanionOptions, Printed>> parse_companion_options(int argc,
                                                                                      char** argv);

}  // namespace nvhook
