// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "nvhook/mount/mount.hpp"
#include "nvhook/mount/source.hpp"
#include "nvhook/mount/tier.hpp"

namespace nvhook::test {

// The file as kernels of this kind mount it.
inline Result<mount::Source> source_of(mount::Tier tier, const std::string& path,
                                       const MountOptions& options) {
  UniqueFd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (tier == mount::Tier::Classic) return mount::HeldFile{std::move(file), options};
  auto tree = mount::clone(file.get());
  if (!tree) return std::unexpected(std::move(tree).error());
  if (auto done = mount::restrict_to(tree->get(), options); !done)
    return std::unexpected(std::move(done).error());
  return mount::DetachedTree{std::move(*tree)};
}

inline std::string name_of(mount::Tier tier) {
  return tier == mount::Tier::Detached ? "Detached" : "Classic";
}

// For tests that hold on every kernel. A program that is run without the newer calls runs its
// "Classic" ones.
inline const auto kEachTier = ::testing::Values(mount::Tier::Detached, mount::Tier::Classic);

}  // namespace nvhook::test
