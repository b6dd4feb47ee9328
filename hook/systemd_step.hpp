// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/plan/plan.hpp"
#include "nvhook/systemd/order.hpp"
#include "nvhook/systemd/scope.hpp"
#include "nvhook/systemd/teller.hpp"

namespace nvhook {

// systemd's part in a run. Where it has made a scope for the container, it sets up the devices of
// that scope anew whenever it has a reason to (daemon-reload, an update of a limit), from its own
// list: what a hook allowed beside it is lost then, unless the list has it.
class SystemdStep {
 public:
  // To be called before privileges are given up, for no program can be started afterwards: if
  // systemd has a list of devices for the process's scope, starts the one that will tell it. `pid`
  // is from a glance at the state, and nothing but this rests on it.
  [[nodiscard]] static SystemdStep begin(std::optional<pid_t> pid);

  // Likewise for a container that is found only when no program can be started any more: starts
  // the one that will tell it wherever systemd is init.
  [[nodiscard]] static SystemdStep begin_early();

  // Finds out on the process itself which scope it is in.
  void settle(const container::Process& process);

  // Has systemd told of the plan's devices, which the container has by now; does not wait for it.
  // Gives W_SYSTEMD where that cannot be. Makes no system calls but write and close.
  [[nodiscard]] std::optional<Warning> finish(const plan::Plan& plan);

  // For somebody who has the time: has systemd told of these nodes, waits, and says what became of
  // it; Unrestricted, too, where it has no part in the container.
  [[nodiscard]] std::expected<systemd::Outcome, Warning> ask(std::vector<systemd::Node> nodes);
  // The name of the scope that the container is in, once that is settled.
  [[nodiscard]] std::optional<std::string> scope() const {
    return scope_ ? std::optional(scope_->name) : std::nullopt;
  }

 private:
  [[nodiscard]] Result<void> give(const systemd::Order& order);

  bool booted_ = false;
  bool early_ = false;
  std::optional<systemd::Scope> glanced_;  // that was seen in the beginning
  // For that one, if systemd has to be told; or why it cannot be.
  std::optional<Result<systemd::Teller>> teller_;
  std::optional<systemd::Scope> scope_;  // the one that counts
};

}  // namespace nvhook
