// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attack/attack.hpp"
#include "support/hostile_caches.hpp"

namespace nvhook::test {

// What is wrong with a cache that took the place of another one, a line each: it has to be one, in
// the order that the loader looks by, with every link of the plan first of its name, without a path
// that is neither of the plan nor of the old one's, and without control characters. `before`: the
// old one's bytes, none where they make no sense.
[[nodiscard]] std::vector<std::string> wrong_with_cache(std::string_view bytes,
                                                        std::string_view before,
                                                        const PlanOfRun& plan);

// Family L: what the image has where its loader looks for libraries.
class LoaderCache : public Attack {
 protected:
  static constexpr auto kCache = "/etc/ld.so.cache";
  static constexpr auto kMuslPath = "/etc/ld-musl-x86_64.path";

  // The image has this one, whatever it had before.
  void put(const HostileCache& cache);
  // An image for each (of a tree, for every fourth), whose hook has to come to the end that is due.
  void come_to_their_ends(const HostileCaches& caches);

  // Nothing is warned of, and the new cache has what it must. `before` as above.
  void merged(std::string_view before);
  // The new one has the driver's libraries alone, as is warned of where there was one.
  void exchanged();
  // No file is made or changed, which is warned of.
  void left();
  // The new cache, at this place of the root, is none of the above's but in order.
  void expect_in_order(const std::string& path, std::string_view before);
  // Makes the image one of musl.
  void become_musl();
  // Whether a call of the last run names something of the image by these words.
  [[nodiscard]] std::vector<std::string> calls_with(std::string_view words) const;
};

}  // namespace nvhook::test
