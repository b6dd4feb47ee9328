// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

// Engines that leave cgroups to systemd (runc and crun with --systemd-cgroup, podman, containerd,
// CRI-O, docker) have it make a scope for each container: a unit around processes that somebody
// else has started. Source: systemd.scope(5).
namespace nvhook::systemd {

// Whether this could be the name of a scope: letters, digits and ":-_.\@" only, at most 255 bytes,
// ending in ".scope". Source: systemd.unit(5).
[[nodiscard]] bool is_scope(std::string_view name);

// A scope by its name, and where its cgroup is: directly in that of the slice.
struct Scope {
  std::string name;
  std::string slice;
  bool operator==(const Scope&) const = default;
};

// The scope of the machine's systemd whose devices are those of a process, by the text of
// /proc/<pid>/cgroup (cgroups(7)): the process is in the scope's cgroup, or in one just below it,
// where crun puts it. Nothing for a container whose cgroup the engine made itself, for one that is
// deeper inside of somebody else's scope, and for scopes of a user's own systemd (rootless
// engines).
//
// The unified hierarchy's path counts, "0::/system.slice/runc-c1.scope", and where it names no
// scope that of systemd's own v1 hierarchy, "1:name=systemd:/...". As systemd reads it, the unit is
// the first component that is no slice, and a "_" before it is an escape. Source: systemd,
// src/basic/cgroup-util.c, cg_path_get_unit.
[[nodiscard]] std::optional<Scope> scope_of(std::string_view cgroup_text);

// Whether that is the scope that systemd has of this name, by what its unit file and drop-ins say:
// an engine that makes cgroups itself may give one the name of another container's scope. Without
// Slice= a scope is in system.slice. Source: systemd.scope(5).
[[nodiscard]] bool is_systemds(const Scope& scope, std::string_view unit_files);

// Whether systemd is this machine's init, and is seen here: /run/systemd/system is a directory
// (sd_booted(3)).
[[nodiscard]] bool is_booted();

}  // namespace nvhook::systemd
