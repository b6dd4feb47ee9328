// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/config/settings.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/nvml/nvml.hpp"
#include "nvhook/request/request.hpp"
#include "nvhook/sandbox/phases.hpp"

// NVML's part in a run. On the usual path it has none.
namespace nvhook {

// What NVML has said, for a request that turns on it, or why it has not.
struct FromNvml {
  std::optional<nvml::Nvml> facts;
  std::string silence;  // for people; empty: nobody asked
};

// What NVML says of this host: what is kept in /run/nvhook, if that still holds, or what
// nvhook-nvml says now, which is then kept. Starts a program, which no filter may forbid yet. Fails
// as nvml::ask(), driver::identify() and, where the library is looked for, driver::discover().
[[nodiscard]] Result<nvml::Nvml> ask_nvml(const driver::Where& where,
                                          const config::Settings& settings);

// Asks it if the request turns on it, and a program can still be started: in Phase::Request of a
// run that expects one.
[[nodiscard]] FromNvml ask_nvml_if_needed(const request::Request& request,
                                          const config::Settings& settings,
                                          const sandbox::Phases& phases);

// Adds to each GPU of the driver what NVML says of it: brand, architecture, MIG devices, and its
// UUID where the driver did not know that.
void add_to(driver::Driver& driver, FromNvml&& said);

}  // namespace nvhook
