// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::http::test {

enum class Family { Tcp, Unix };

// Where a server listens: a port of the loopback, or a name in the abstract namespace that no other
// process uses.
struct Place {
  Family family = Family::Tcp;
  unsigned short port = 0;
  std::string name;
};

// A socket that listens at a new place. Ends the test program if that fails.
[[nodiscard]] UniqueFd listen_at_new(Family family, Place& place);
// Blocking; empty if that fails.
[[nodiscard]] UniqueFd connect_to(const Place& place);

}  // namespace nvhook::http::test
