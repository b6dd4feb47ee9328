// SPDX-License-Identifier: Apache-2.0
#include "names.hpp"

#include <cstdlib>

namespace nvhook::plan {

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::Library:
      return "library";
    case Kind::Library32:
      return "library32";
    case Kind::Binary:
      return "binary";
    case Kind::Device:
      return "device";
  }
  std::abort();  // every enumerator is handled above
}

std::string_view name_of(State state) {
  switch (state) {
    case State::Mount:
      return "mount";
    case State::Present:
      return "present";
  }
  std::abort();  // every enumerator is handled above
}

std::string_view name_of(Unknown unknown) {
  switch (unknown) {
    case Unknown::Cgroup:
      return "cgroup";
    case Unknown::PresentNodes:
      return "present-nodes";
    case Unknown::Propagation:
      return "propagation";
  }
  std::abort();  // every enumerator is handled above
}

}  // namespace nvhook::plan
