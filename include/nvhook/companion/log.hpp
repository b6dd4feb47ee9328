// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/companion/setup.hpp"

namespace nvhook::companion {

// Lines on standard error, each by one write:
//   ours           nvhook-companion: Serving plugin API at /run/docker/plugins
//                  nvhook-companion: E_LISTEN: ...
//   the original's nvidia-docker-plugin | 2026/11/22 04:35:51 Serving plugin API at ...
//                  nvidia-docker-plugin | 2026/11/22 04:35:51 Error: ...
// Texts are fit for a terminal. Copied into the processes that are forked.
class Log {
 public:
  // `name`: of the program, as the lines have it.
  Log(Manner manner, std::string name) : manner_(manner), name_(std::move(name)) {}

  void say(std::string_view text) const;
  void error(const Error& error) const;
  void warning(const Warning& warning) const;

  [[nodiscard]] Manner manner() const { return manner_; }

 private:
  void line(std::string_view text) const;

  Manner manner_;
  std::string name_;
};

}  // namespace nvhook::companion
