// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/container/facts.hpp"
#include "nvhook/container/mountinfo.hpp"
#include "nvhook/container/rootfs.hpp"
#include "nvhook/plan/plan.hpp"
#include "read_spec.hpp"

namespace nvhook {

// What the image has of its loader's files.
struct LoaderFacts {
  container::Libc libc = container::Libc::None;   // whose loader it is
  std::optional<container::FileFacts> file;       // the one by which it finds libraries
  std::optional<container::FileFacts> directory;  // for ldconfig(8), if a tree is due
};

// Fails as container::survey_file() does.
[[nodiscard]] Result<LoaderFacts> survey_loader(const container::Rootfs& rootfs,
                                                const container::Image& image,
                                                const std::optional<container::Place>& tree,
                                                const std::vector<container::MountEntry>& mounts);

// Has the parser child make the bytes of the plan's loader file, and dismisses it if there is none.
// It takes some time: the caller has something else to do before it takes them.
void ask_for_loader_file(const plan::Plan& plan, const LoaderFacts& facts, PendingSpec& parser);

// Takes these bytes into the plan, and dismisses the child. Of a cache that makes no sense it keeps
// nothing (W_LDCACHE). Fails with E_STATE_LIMIT, if it breaks its limits, E_KERNEL.
[[nodiscard]] Result<void> take_loader_file(plan::Plan& plan, container::Libc libc,
                                            PendingSpec& parser);

}  // namespace nvhook
