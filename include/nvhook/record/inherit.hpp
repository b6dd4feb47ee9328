// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "nvhook/record/record.hpp"

namespace nvhook::record {

// A record that also has what an earlier run for the container left in the same root.
struct Inherited {
  Record record;
  std::vector<Made> made;     // the earlier run's, as far as the record has it
  bool keeps_former = false;  // the bytes beside the earlier record are the image's, not those now
};

// An engine that runs no poststop hook may start a stopped container again: what stands in its root
// by then is partly ours. Puts down to the earlier run what it made and the new one found; of what
// both changed, the state before the earlier one is what will be put back. `present`: the loader's
// file as it is now. Of another root nothing is inherited. Pure.
[[nodiscard]] Inherited inherit(Record now, const Record& before,
                                const std::optional<Fingerprint>& present);

}  // namespace nvhook::record
