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
  // "creating", "created", "running" or "stopped"; other words are kept, for the specification lets
  // runtimes add some (crun: "starting"), and early runc wrote none: all but "stopped" mean alive.
  std::string status;
  std::optional<pid_t> pid;         // absent once the container has stopped; always > 1
  std::string bundle;               // absolute path on the host
  std::optional<std::string> root;  // the root file system, as config.json has it
  bool operator==(const State&) const = default;
};

// Parses the whole text, strictly by RFC 8259. Unknown fields are skipped, null counts as absent. A
// repeated key anywhere, a key that differs from one of ours only by case (Go's reader, and so the
// runtime, would take it), a byte order mark, text behind the document and a NUL in a string are
// refused. Limits: 64 levels, 256 KiB for a string, 65536 keys in an object or elements in an
// array. "bundlePath" (runc before 17.06) stands in for "bundle".
// Fails with E_STATE_PARSE (not such JSON), E_STATE_LIMIT (a limit), E_STATE_FIELD (missing or of
// the wrong type, naming the field), E_PID (not an integer above 1, or none although not
// "stopped": a createContainer hook is given 1 by runc and 0 by crun).
[[nodiscard]] Result<State> parse_state(std::string_view json);

}  // namespace nvhook::oci
