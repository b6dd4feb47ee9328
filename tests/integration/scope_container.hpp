// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "integration/booted_machine.hpp"
#include "integration/engine.hpp"
#include "support/command.hpp"

namespace nvhook::test {

// Where furnish() has put things in a machine.
inline constexpr auto kHook = "/usr/local/bin/nvhook";     // nvhook-systemd lies beside it
inline constexpr auto kHookAlone = "/opt/alone/nvhook";    // with nothing beside it
inline constexpr auto kHookBroken = "/opt/broken/nvhook";  // nvhook-systemd cannot be executed
inline constexpr auto kDriver = "/opt/driver";             // its nodes are in /dev, too
inline constexpr auto kHookLog = "/var/log/nvhook.log";

// Brings the hook, a driver and an image into the machine.
void furnish(const BootedMachine& machine);

// A container that an engine runs detached, in a scope of the machine's systemd (--systemd-cgroup).
// It asks for one of the two GPUs, and makes a node of the other one. Ends with the object.
class ScopeContainer {
 public:
  // `machine` is furnished, and outlives the container.
  ScopeContainer(const BootedMachine& machine, Engine engine, std::string id, int gpu = 0);
  ScopeContainer(const ScopeContainer&) = delete;
  ScopeContainer& operator=(const ScopeContainer&) = delete;
  ~ScopeContainer();

  // config.json, until it is started.
  nlohmann::json config;
  // One of the programs above as its createRuntime and poststop hook.
  void use_hook(const std::string& program, const std::vector<std::string>& options = {});

  Finished start();
  // Kills it, and has the engine clean up.
  void end();
  // Runs the engine with one of its commands for this container: "update --pids-limit 100".
  [[nodiscard]] Finished engine(const std::string& command) const;

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] std::string scope() const;
  [[nodiscard]] std::string pid() const;  // of its first process, as the machine numbers it
  // A property of the scope, as systemd tells it.
  [[nodiscard]] std::string property(const std::string& name) const;

  // Tries to open the nodes in the container, and says how that ended: kHasItsGpu, ...
  [[nodiscard]] std::string access() const;

 private:
  [[nodiscard]] std::string directory() const { return "/srv/" + id_; }

  const BootedMachine& machine_;
  Engine engine_;
  std::string id_;
  std::string gpu_;
};

inline constexpr auto kHasItsGpu = "its GPU: allowed, nvidiactl: allowed, the other GPU: forbidden";
inline constexpr auto kHasNone =
    "its GPU: forbidden, nvidiactl: forbidden, the other GPU: forbidden";
inline constexpr auto kHasAll = "its GPU: allowed, nvidiactl: allowed, the other GPU: allowed";

}  // namespace nvhook::test
