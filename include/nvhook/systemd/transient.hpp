// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

// Systemd's folder of transient units, /run/systemd/transient: for each scope a unit file and, as
// soon as one of its settings is changed, a folder <scope>.d with drop-ins. systemd writes them in
// order to find its settings again after daemon-reload and daemon-reexec, and removes them with the
// unit. REQUIRES throughout: `scope` is the name of one (is_scope).
namespace nvhook::systemd {

// Fails with E_SYSTEMD.
[[nodiscard]] Result<UniqueFd> open_transient();

// What the unit file of the scope and its drop-ins say, in the order in which systemd reads them.
// Fails with E_SYSTEMD: there is no such scope, files that are larger than systemd writes them.
[[nodiscard]] Result<std::string> unit_files_of(int transient, const std::string& scope);

// Writes 50-nvhook.conf, mode 0644, beside its place and then renames it, so that systemd reads all
// of it or nothing. It comes behind systemd's own 50-DeviceAllow.conf, which begins by emptying the
// list.
//
// systemd takes it up with its next daemon-reload or daemon-reexec, and removes it with the scope
// only if there was one: otherwise it stays, for whichever scope of the same name comes next, until
// forget_scope(). Fails with E_SYSTEMD; if the scope is no more, with nothing left.
[[nodiscard]] Result<void> write_drop_in(int transient, const std::string& scope,
                                         std::string_view text);

// Removes it, if it is there: one that is found before it is written is left over from an earlier
// scope.
void remove_drop_in(int transient, const std::string& scope);

// Removes it, and the folder if nothing else is in it: the scope's container has stopped.
void forget_scope(int transient, const std::string& scope);

}  // namespace nvhook::systemd
