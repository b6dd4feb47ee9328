// SPDX-License-Identifier: Apache-2.0
#include "nvhook/oci/state.hpp"

#include <limits>

#include "fill.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"
#include "room.hpp"
#include "rules.hpp"

namespace nvhook::oci {
namespace {

using json::Type;

struct Draft : State {
  Room room;
  std::optional<std::int64_t> raw_pid;
  std::optional<std::string> given_bundle;
  std::optional<std::string> old_bundle;
};

constexpr json::Place<Draft> kMembers[] = {
    {.key = "id", .type = Type::Text, .take = json::set<&Draft::id>},
    {.key = "status", .type = Type::Text, .take = json::set<&Draft::status>},
    {.key = "pid",
     .type = Type::Integer,
     .mismatch = ErrorId::Pid,
     .take = json::set<&Draft::raw_pid>},
    {.key = "bundle", .type = Type::Text, .take = json::set<&Draft::given_bundle>},
    {.key = "bundlePath", .type = Type::Text, .take = json::set<&Draft::old_bundle>},
    {.key = "root", .type = Type::Text, .take = json::set<&Draft::root>},
};

constexpr json::Place<Draft> kDocument = {.type = Type::Object, .inside = kMembers};

constexpr std::string_view kStopped = "stopped";

// runc leaves the pid of a stopped container out, crun writes 0. Elsewhere a pid of 1 (runc) or
// 0 (crun) is what a hook sees that runs inside the container's namespaces; and before /proc of the
// host, where such a hook still stands, 1 is the host's init.
Result<std::optional<pid_t>> usable_pid(const Draft& draft) {
  if (draft.status == kStopped && draft.raw_pid.value_or(0) == 0) return std::nullopt;
  if (!draft.raw_pid) return failure(ErrorId::Pid, "pid: is missing");
  const auto pid = *draft.raw_pid;
  if (pid == 0 || pid == 1)
    return failure(ErrorId::Pid, "pid: is " + std::to_string(pid) +
                                     ", not that of a container seen from the host: nvhook must "
                                     "run as a prestart or createRuntime hook");
  if (pid < 0 || pid > std::numeric_limits<pid_t>::max())
    return failure(ErrorId::Pid, "pid: " + std::to_string(pid) + " is out of range");
  // The number of a process that is gone may be another's by now.
  if (draft.status == kStopped) return std::nullopt;
  return static_cast<pid_t>(pid);
}

std::unexpected<Error> bad_field(std::string_view field, std::string why) {
  return failure(ErrorId::StateField, std::string(field) + ": " + std::move(why));
}

}  // namespace

Result<void> check(const State& state) {
  if (state.id.empty()) return bad_field("id", "is missing or empty");
  if (state.pid && *state.pid <= 1)
    return failure(ErrorId::Pid, "pid: " + std::to_string(*state.pid) + " is out of range");
  if (!state.pid && state.status != kStopped) return failure(ErrorId::Pid, "pid: is missing");
  if (state.bundle.empty()) return bad_field("bundle", "is missing or empty");
  if (!state.bundle.starts_with('/'))
    return bad_field("bundle", quote(state.bundle) + " is not an absolute path");
  if (state.bundle.size() > kMaxPath)
    return bad_field("bundle", quote(state.bundle) + " is longer than a path can be");
  return {};
}

Result<State> parse_state(std::string_view text) {
  constexpr std::string_view kStep = "state";
  if (text.size() > kMaxStateBytes)
    return failure(ErrorId::StateLimit,
                   "state: longer than " + std::to_string(kMaxStateBytes) + " bytes");
  Draft draft;
  json::Filler filler(draft, kDocument);
  if (auto walked = json::walk(text, filler); !walked) return failed_to(kStep, std::move(walked));

  if (auto& bundle = draft.given_bundle ? draft.given_bundle : draft.old_bundle)
    draft.bundle = std::move(*bundle);
  if (draft.root && draft.root->empty()) draft.root.reset();
  auto pid = usable_pid(draft);
  if (!pid) return failed_to(kStep, std::move(pid));
  draft.pid = *pid;
  State state = std::move(draft);
  if (auto checked = check(state); !checked) return failed_to(kStep, std::move(checked));
  return state;
}

}  // namespace nvhook::oci
