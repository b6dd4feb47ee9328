// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/mount/tier.hpp"
#include "nvhook/plan/plan.hpp"

namespace nvhook::apply {

// Whether the path is inside of the plan's tree.
[[nodiscard]] bool is_in_tree(const plan::Plan& plan, const ContainerPath& path);

// The name of the loader's file in a tree, where it is to be mounted over the image's.
inline constexpr auto kLoaderFileInTree = "ld.so.cache";

// The directory of the plan's tree as a mount that nobody can see yet: read-only, with everything
// in it but what is mounted there, and empty files for that. None if the plan has no tree, or the
// kernel no detached mounts: then the tree is made in the container's root itself.
// Fails with E_KERNEL, E_NOSPC.
[[nodiscard]] Result<std::optional<UniqueFd>> build_tree(const plan::Plan& plan, mount::Tier tier);

}  // namespace nvhook::apply
