// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"

namespace nvhook::oci {

// Longest state that is read. Annotations may be large: Kubernetes allows 256 KiB of them.
inline constexpr std::size_t kMaxStateBytes = std::size_t{1} << 20U;

// The container state that a runtime writes to a hook's standard input.
// Source: OCI runtime-spec, runtime.md "State"; `root` is an addition of crun.
struct State {
  std::string id;
  std::string status;               // "creating", "created", "running", "stopped"
  std::optional<pid_t> pid;         // absent once the container has stopped; always > 1
  std::string bundle;               // absolute path on the host
  std::optional<std::string> root;  // the root file system, as config.json has it
  bool operator==(const State&) const = default;
};

// Parses the whole text, strictly by RFC 8259. Unknown fields are skipped; a repeated key anywhere,
// text behind the document, a NUL in a string, and nesting deeper than 64 are refused.
// "bundlePath" (runc before 17.06) stands in for "bundle".
// Fails with E_STATE_PARSE (not such JSON), E_STATE_LIMIT (a limit), E_STATE_FIELD (missing or of
// the wrong type, naming the field), E_PID (a pid of 1 or less, or no pid although not "stopped").
[[nodiscard]] Result<State> parse_state(std::string_view json);

}  // namespace nvhook::oci
