// SPDX-License-Identifier: Apache-2.0
#include "systemd_step.hpp"

#include <algorithm>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/procfs.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/systemd/device_allow.hpp"
#include "nvhook/systemd/scope.hpp"
#include "nvhook/systemd/transient.hpp"

namespace nvhook {
namespace {

using systemd::Restriction;

constexpr std::size_t kMaxCgroupFile = 65536;  // a dozen lines of PATH_MAX at most

std::optional<systemd::Scope> scope_at(int directory, const std::string& cgroup_file) {
  const auto text = files::read_kernel_file(directory, cgroup_file, kMaxCgroupFile);
  return text ? systemd::scope_of(*text) : std::nullopt;
}

Result<std::string> unit_files_of(const systemd::Scope& scope) {
  const auto transient = systemd::open_transient();
  if (!transient) return std::unexpected(transient.error());
  return systemd::unit_files_of(transient->get(), scope.name);
}

// A node that the runtime has made in the container is named by its number only.
systemd::Order order_of(const plan::Plan& plan, const std::string& scope) {
  systemd::Order order{.scope = scope, .nodes = {}};
  for (const auto& device : plan.devices) {
    const auto mount = std::ranges::find(plan.mounts, device.path, &plan::Mount::target);
    order.nodes.push_back(
        {mount == plan.mounts.end() ? std::string() : mount->source.value, device.number});
  }
  return order;
}

Error puts_back_a_program() { return {ErrorId::Systemd, std::string(systemd::kPutsBackAProgram)}; }

Warning untold(const std::string& scope, const Error& why) {
  return {WarningId::Systemd,
          "systemd does not know that " + quote(scope) + " has GPUs: " + why.message() +
              "; the container loses them when systemd sets up its devices anew (daemon-reload, a "
              "change of its limits)"};
}

}  // namespace

SystemdStep SystemdStep::begin(std::optional<pid_t> pid) {
  SystemdStep step;
  step.booted_ = systemd::is_booted();
  if (!step.booted_ || !pid) return step;
  const auto proc = files::open_proc();
  if (proc) step.glanced_ = scope_at(proc->get(), std::to_string(*pid) + "/cgroup");
  if (!step.glanced_) return step;
  const auto files = unit_files_of(*step.glanced_);
  if (!files) {
    step.teller_ = std::unexpected(files.error());
    return step;
  }
  if (!systemd::is_systemds(*step.glanced_, *files)) {
    step.glanced_.reset();
    return step;
  }
  const auto restriction = systemd::restriction_in(*files);
  if (restriction == Restriction::Program)
    step.teller_ = std::unexpected(puts_back_a_program());
  else if (restriction == Restriction::List)
    step.teller_ = systemd::Teller::start();
  return step;
}

SystemdStep SystemdStep::begin_early() {
  SystemdStep step;
  step.booted_ = systemd::is_booted();
  step.early_ = true;
  if (step.booted_) step.teller_ = systemd::Teller::start();
  return step;
}

void SystemdStep::settle(const container::Process& process) {
  if (booted_) scope_ = scope_at(process.proc.get(), "cgroup");
  if (!scope_ || scope_ == glanced_) return;
  const auto files = unit_files_of(*scope_);
  if (!files) return;
  const bool has_nothing_to_learn = early_ && systemd::restriction_in(*files) == Restriction::None;
  if (has_nothing_to_learn || !systemd::is_systemds(*scope_, *files)) scope_.reset();
}

Result<void> SystemdStep::give(const systemd::Order& order) {
  if (!early_ && scope_ != glanced_) return failure(ErrorId::Systemd, "it was not found in time");
  if (!teller_) return {};
  if (!*teller_) return std::unexpected(teller_->error());
  return (*teller_)->give(order);
}

std::optional<Warning> SystemdStep::finish(const plan::Plan& plan) {
  if (!scope_ || plan.devices.empty()) return std::nullopt;
  const auto told = give(order_of(plan, scope_->name));
  teller_.reset();  // it can tell by this that nobody waits
  if (told) return std::nullopt;
  return untold(scope_->name, told.error());
}

std::expected<systemd::Outcome, Warning> SystemdStep::ask(std::vector<systemd::Node> nodes) {
  if (!scope_ || nodes.empty() || !teller_) return systemd::Outcome::Unrestricted;
  const auto given = give({.scope = scope_->name, .nodes = std::move(nodes), .awaited = true});
  const auto outcome =
      given ? (*teller_)->await_answer() : Result<systemd::Outcome>(std::unexpected(given.error()));
  teller_.reset();
  if (!outcome) return std::unexpected(untold(scope_->name, outcome.error()));
  return *outcome;
}

}  // namespace nvhook
