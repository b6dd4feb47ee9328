// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backoff.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/nvml/ask.hpp"
#include "nvhook/rest/facts.hpp"

// What of this host is looked at for the REST API, beside NVML.
namespace nvhook::companion {

// The path of a device node: "nvidia-uvm".
[[nodiscard]] std::string node_path(const driver::Where& where, const char* name);

// The libraries of the driver of now, to be asked with all that the API wants to know. Fails with
// E_NVML_ABSENT and as driver::discover().
[[nodiscard]] Result<nvml::Question> question_of(const driver::Where& where);

// Whether the driver, or the set of its GPUs, is still the one of the start.
class Fingerprint {
 public:
  // By what this process may see: to be made once it has given up its privileges.
  explicit Fingerprint(driver::Where where);

  // Looks at most once a second.
  [[nodiscard]] bool changed(Clock::time_point now);

 private:
  [[nodiscard]] std::optional<std::string> key() const;  // nothing: it cannot be looked at now

  driver::Where where_;
  std::string key_;  // empty: there is no driver
  Clock::time_point looked_;
};

// What NVML said, with what it does not know.
[[nodiscard]] rest::Facts facts_of(nvml::Nvml nvml, const driver::Where& where);

}  // namespace nvhook::companion
