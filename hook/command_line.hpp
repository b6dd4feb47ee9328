// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "cleanup.hpp"
#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "reapply.hpp"

namespace nvhook {

enum class Action { Hook, DryRun };
enum class Format { Text, Json };

// What the user asked for. All paths are absolute already.
struct Command {
  Action action = Action::Hook;
  Format format = Format::Text;
  std::optional<std::string> stage;   // as given: "prestart", "poststop", ...
  std::optional<std::string> bundle;  // of a dry run without a container
  std::optional<std::string> config_file;
  std::optional<std::string> driver_root;
  std::optional<std::string> dev_root;
  std::optional<std::string> proc_root;
  std::optional<std::string> sys_root;
  std::optional<std::string> debug_file;
};

// nvhook info and nvhook list: what the host has; nvhook config: what nvhook is set to.
struct Describe {
  enum class What { Driver, Files, Settings };
  What what = What::Driver;
  Format format = Format::Text;
  Capabilities capabilities{};  // of which files are listed
  bool nvml = false;            // of the driver: what NVML says as well
  std::optional<std::string> config_file{};
  std::optional<std::string> driver_root{};
  std::optional<std::string> dev_root{};
  std::optional<std::string> proc_root{};
  std::optional<std::string> sys_root{};
  std::optional<std::string> debug_file{};
};

// Text to print on standard output instead of doing anything: help, the version.
struct Answer {
  std::string text;
};

using Asked = std::variant<Command, Reapply, Cleanup, Describe, Answer>;

// Fails with E_USAGE.
[[nodiscard]] Result<Asked> parse_command_line(int argc, char** argv);

// What --help prints.
[[nodiscard]] std::string help_text();

}  // namespace nvhook
