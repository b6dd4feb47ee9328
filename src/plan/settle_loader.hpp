// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/plan/make_plan.hpp"

namespace nvhook::plan {

// Whether nothing may be made in the container's root, now or as soon as it starts.
[[nodiscard]] bool root_is_read_only(const Inputs& in);

// Decides how the image's loader is told of the libraries that the plan has noted for it. What
// cannot be done is a warning, W_LDCACHE: many loaders find them anyway.
void settle_loader(Plan& plan, const Inputs& in);

}  // namespace nvhook::plan
