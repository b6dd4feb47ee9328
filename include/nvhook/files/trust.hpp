// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string_view>

// What may be handed on to a container so that it can write there. The two objections are pure; the
// descriptors whose status they are given stay open until the thing is mounted.
namespace nvhook::files {

// Why the socket, in that directory, is not one that only its daemon could have put there; empty if
// it is. A daemon may run as a user of its own, to whom the directory belongs then
// (nvidia-persistenced(1), --user): the socket must be his, or a link to somebody else's (another
// daemon's, root's) would be handed on.
[[nodiscard]] std::string_view objection_to_socket(const struct stat& socket,
                                                   const struct stat& directory);

// Why the directory in `parent` is not one that whoever owns `parent` has made; empty if it is.
// Everybody may make things there if he can remove his own only, as in /tmp, which is root's.
[[nodiscard]] std::string_view objection_to_directory(const struct stat& directory,
                                                      const struct stat& parent);

// Whether a file of this owner is the host's root's: in a user namespace of its own that shows as
// the overflow uid. Looks at this process's user namespace.
[[nodiscard]] bool is_roots(uid_t owner);

}  // namespace nvhook::files
