// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

namespace nvhook::cgroup {

// The path of the hierarchy that has `controller`, out of the text of /proc/<pid>/cgroup: lines
// "hierarchy:controller,controller:path". An empty controller asks for cgroup v2 ("0::/path").
// The path may itself hold colons. Borrows from `text`. Source: cgroups(7).
[[nodiscard]] std::optional<std::string_view> path_of_controller(std::string_view text,
                                                                 std::string_view controller);

// Whether the comma-separated list holds the word.
[[nodiscard]] bool has_word(std::string_view list, std::string_view word);

// What is left of a cgroup's path below a mount that shows the hierarchy from `mount_root` on:
// "/a/b" below "/a" is "/b". Nothing if the path is not below it, or one of them is not absolute.
[[nodiscard]] std::optional<std::string_view> path_below(std::string_view path,
                                                         std::string_view mount_root);

// Whether the text of cgroup.procs, one pid a line, has the process. Source: cgroups(7).
[[nodiscard]] bool lists_process(std::string_view procs, pid_t pid);

}  // namespace nvhook::cgroup
