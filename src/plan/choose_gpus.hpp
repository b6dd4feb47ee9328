// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::plan {

struct ChosenGpus {
  std::vector<driver::Gpu> gpus;  // each has the instances that are granted with it, and no others
  std::vector<Warning> warnings;
};

// The GPUs that the request names, in the driver's order and each once. A GPU that is asked for as
// a whole comes with all of its instances, a MIG device with the GPU that it is a part of. "0:1"
// counts MIG devices as NVML does, where the driver's mig_names say how that is; otherwise by the
// ids of their instances, which is said in a warning (W_MIG_ORDER) where it could be wrong. Fails
// with E_REQ_DEVICE (there is no such GPU or MIG device, a UUID of a MIG device without mig_names),
// E_NODE_MISSING (a MIG device that was asked for has no nodes).
[[nodiscard]] Result<ChosenGpus> choose_gpus(const request::Request& request,
                                             const driver::Driver& driver);

}  // namespace nvhook::plan
