// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/container/facts.hpp"

namespace nvhook::container {

// Looks at a handful of names of the image: its distribution (Debian puts libraries into
// /usr/lib/<triplet>, everybody else into /usr/lib64) and its dynamic loader. Nothing is listed or
// executed, of the loader 20 bytes are read. Never fails for what an image may contain.
// Fails with E_KERNEL, E_RACE.
[[nodiscard]] Result<Image> inspect(ContainerRoot root);

}  // namespace nvhook::container
