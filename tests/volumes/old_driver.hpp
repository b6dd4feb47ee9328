// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "driver/fake_host.hpp"

namespace nvhook::test {

// A line of golden/volume-tree.txt, or of what a store has on disk: type, permissions, links (but
// not of directories, of which file systems think differently), path and target.
[[nodiscard]] std::vector<std::string> golden_tree();
[[nodiscard]] std::vector<std::string> tree_of(const std::string& store);

// A host with the driver of which the recorded volume was made, and beside it what has to be left
// out: Mesa's libGL, the variant of libnvidia-tls for older kernels, a copy for other processors,
// another driver's leftovers, a stub of an SDK, entries of the cache that lead nowhere.
void put_old_driver(FakeHost& host);

}  // namespace nvhook::test
