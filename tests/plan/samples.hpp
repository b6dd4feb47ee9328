// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "nvhook/base/capability.hpp"
#include "nvhook/container/facts.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/oci/config.hpp"
#include "nvhook/plan/make_plan.hpp"
#include "nvhook/request/request.hpp"
#include "support/print_path.hpp"

// A host, an image and a bundle as most are, for tests that change what they are about.
namespace nvhook::test {

inline constexpr Capabilities kUsual{Capability::Utility, Capability::Compute};

// Version 550.54.14 on two GPUs, of which index 1 has minor 3. One library for each rule that the
// planner has, a program each of utility and compute, all nodes, one leftover of another version.
[[nodiscard]] driver::Driver sample_driver();

// The right of that file, whose node has that minor.
[[nodiscard]] driver::Access access_of(const std::string& file, std::uint32_t minor);

// The same with MIG devices, by the ids of their instances 1/0, 5/0, 5/1 and 13/0 on each GPU. The
// nodes nvidia-cap10 to 16 are GPU 0's, in the order gi1 ci0 gi5 ci0 ci1 gi13 ci0, 17 to 23 GPU
// 1's.
[[nodiscard]] driver::Driver partitioned_driver();

// Debian for this machine's processor.
[[nodiscard]] container::Image debian_image();

// A bundle whose runtime makes /dev, as "runc spec" writes it.
[[nodiscard]] oci::Config sample_config();

[[nodiscard]] request::Request asking_for(request::GpuSelection gpus,
                                          Capabilities capabilities = kUsual);

// What a survey finds in an image that has the directories of the draft and nothing in them.
[[nodiscard]] container::Survey empty_survey(const plan::Draft& draft);

}  // namespace nvhook::test
