// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/container/facts.hpp"
#include "nvhook/container/mountinfo.hpp"
#include "nvhook/container/rootfs.hpp"

namespace nvhook::container {

// Looks at each place below the root, following links as the container will. `mounts` is the
// container's mountinfo; empty when there is no container yet: then nothing counts as shared. A
// directory of a `dispensable` place that cannot be reached is an answer (DirectoryFacts::trouble).
// Fails with E_DST_RESOLVE (a directory that cannot be reached: a loop, a magic link, a file on the
// way), E_DST_FOREIGN_MOUNT (the way leads through another mount, and not to /dev), E_RACE,
// E_KERNEL.
[[nodiscard]] Result<Survey> survey(const Rootfs& rootfs, const std::vector<Place>& places,
                                    const std::vector<MountEntry>& mounts,
                                    const std::vector<Place>& dispensable = {});

// Looks likewise at a place that a container can do without, and reads the plain file that is there
// or that a link there leads to, on the root's own mount, if it has `most` bytes at most. What an
// image may have done to it is an answer (FileFacts::trouble). To be called in the mount namespace
// that the hook started in. Fails with E_DST_RESOLVE, E_RACE, E_KERNEL for what is no answer.
[[nodiscard]] Result<FileFacts> survey_file(const Rootfs& rootfs, const Place& place,
                                            const std::vector<MountEntry>& mounts,
                                            std::size_t most);

}  // namespace nvhook::container
