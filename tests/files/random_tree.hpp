// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "nvhook/files/open.hpp"

namespace nvhook::test {

using Random = std::mt19937_64;

// 0 to limit - 1
[[nodiscard]] std::size_t below(Random& random, std::size_t limit);

// Fills `top` with a few dozen directories, files, fifos and links of every kind: relative,
// absolute, upwards, dangling, in loops, in chains around the kernel's limit, with slashes behind
// and names of 255 bytes. Gives the directories, as paths on the disk.
std::vector<std::filesystem::path> make_random_tree(Random& random,
                                                    const std::filesystem::path& top);

// A path that has a fair chance to lead somewhere in such a tree, up to odd spellings.
[[nodiscard]] std::string random_path(Random& random);

// What openat2 and the walk say of one lookup; the same text where they agree: the error, or which
// file it is, on which mount, and how it was opened.
struct Verdicts {
  std::string openat2;
  std::string walk;
};
[[nodiscard]] Verdicts ask_both(int dir, const std::string& path, int flags, files::Lookup lookup);

// Which answers came how often: "found", or the error.
using Answers = std::map<std::string, std::size_t>;

// Looks up `count` random paths below `dir`, in every kind and with every set of flags, and fails
// the test at the first one where the two differ. Adds to `answers`.
void compare_lookups(Random& random, int dir, std::size_t count, Answers& answers);

// Fails the test unless lookups have come to every end that they can come to.
void expect_all_ends(const Answers& answers);

// How many lookups a test makes: the environment's NVHOOK_LOOKUPS, or `otherwise`.
[[nodiscard]] std::size_t lookups_or(std::size_t otherwise);

}  // namespace nvhook::test
