// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/record/record.hpp"

// What a container's root has of ours when the container is no more: empty files that were mounted
// over, directories, links, files.
namespace nvhook::litter {

struct Swept {
  std::size_t taken = 0;            // names that are gone, or lead again to what they led to before
  std::vector<ContainerPath> left;  // there, but not as we made them: somebody else's by now
};

// Takes away below `root`, a directory descriptor, what the record says was made there, and puts
// back what was there before: `former` are the bytes of the file that the loader's took the place
// of. A thing is ours by its inode where that is on record, and by its looks: an empty file without
// write permission, a link's text, a file's bytes. Everything else stays: what the container has
// changed since, directories with something in them. Works after a run that was killed midway, too.
// Nothing is followed, and nothing but the root's own mount is looked at.
// Fails with E_KERNEL, E_RACE, E_NOSPC; what was swept until then stays so.
[[nodiscard]] Result<Swept> sweep(int root, const record::Record& record,
                                  const std::optional<std::string>& former);

}  // namespace nvhook::litter
