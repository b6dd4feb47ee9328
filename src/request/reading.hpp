// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mounts.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/request/parse.hpp"

namespace nvhook::request {

// One container as its request is read.
struct Reading {
  const std::vector<std::string>& env;
  const Rules& rules;
  bool privileged = false;
  MountRequests mounts{};           // empty where the rules do not accept them
  std::vector<Warning> warnings{};  // what should be said about it

  // Whether variables may ask for devices. What they say of the driver's files always counts.
  [[nodiscard]] bool trusts_environment() const {
    return privileged || rules.accept_environment_when_unprivileged;
  }
  void warn(WarningId id, std::string text) { warnings.push_back({id, std::move(text)}); }
  // Where a variable asks for something and is not trusted to.
  void warn_of_distrust(std::string_view variable, std::string_view what) {
    warn(WarningId::ReqUntrusted,
         std::string(variable) + " asks for " + std::string(what) +
             ", which the settings accept from no container without CAP_SYS_ADMIN in its bounding "
             "set (accept_environment_when_unprivileged); it starts without them");
  }
};

}  // namespace nvhook::request
