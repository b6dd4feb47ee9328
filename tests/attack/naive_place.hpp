// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace nvhook::test {

// Places things in a container as hooks did before they learnt: by names joined to strings, looked
// up again at each step. What the attack suite must be able to defeat, or it shows nothing.
enum class Caution {
  None,       // joins the names, and uses them
  LooksFirst  // looks where the joined name leads, and refuses what is outside; then uses it
};

// Binds the file `source` over `target` below `rootfs`, read-only; makes what is missing on the
// way, and an empty file to mount on. All are absolute paths of the caller's mount namespace;
// `target` as the container sees it. 0, or an errno.
int naive_place(const std::string& source, const std::string& rootfs, const std::string& target,
                Caution caution);

// Makes a link likewise.
int naive_link(const std::string& text, const std::string& rootfs, const std::string& path,
               Caution caution);

}  // namespace nvhook::test
