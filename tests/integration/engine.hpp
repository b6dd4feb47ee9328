// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "support/command.hpp"
#include "support/fake_root.hpp"

namespace nvhook::test {

// Why no engine can be run on this machine; empty if one can.
std::string engines_unavailable();

// A hook entry for config.json or hooks.d: nvhook on the simulated host.
nlohmann::json hook_entry(const std::string& stage,
                          const std::filesystem::path& host = NVHOOK_SIMULATED_HOST);

enum class Engine { Runc, Crun };
const char* name_of(Engine engine);
inline void PrintTo(Engine engine, std::ostream* out) { *out << name_of(engine); }

// How an engine sees the cgroups of this machine: as they are, with v1's devices controller, or as
// of a host that has v2 only.
enum class CgroupView { V1, V2 };

// A bundle for runc or crun: what `runc spec` writes, over a root file system of tests/roots with a
// writable layer of its own (overlayfs), so that the layer shows what was written.
class EngineBundle {
 public:
  explicit EngineBundle(const std::string& root_kind);
  EngineBundle(const EngineBundle&) = delete;
  EngineBundle& operator=(const EngineBundle&) = delete;
  ~EngineBundle();

  nlohmann::json config;
  void env(const std::string& entry) { config["process"]["env"].push_back(entry); }

  // The cgroups that run_in shows to the engine.
  CgroupView cgroups = CgroupView::V1;
  // Runs a shell script in a new container, to its end.
  Finished run_in(Engine engine, const std::string& script);
  Finished run_in_runc(const std::string& script) { return run_in(Engine::Runc, script); }
  // Runs a program, of an image that may have no shell.
  Finished run_program_in(Engine engine, const std::vector<std::string>& arguments);
  // Starts a container that runs a shell script, and leaves it running, with no streams of ours.
  // Gives its first process; fails the test if it does not start.
  pid_t start_in(Engine engine, const std::string& script);
  // Deletes what was started, killing it if it still runs.
  Finished delete_in(Engine engine);

  [[nodiscard]] std::filesystem::path path() const { return bundle_.on_disk(); }
  // The container's name, and with it the last of its cgroup's path.
  [[nodiscard]] std::string id() const { return path().filename().string(); }
  // A name of the root file system, from outside: what a test's image brings is written there.
  [[nodiscard]] std::filesystem::path rootfs(const std::filesystem::path& name) const {
    return bundle_.on_disk("/rootfs") / name.relative_path();
  }
  // The names that the container, its runtime and the hook have written to the root.
  [[nodiscard]] std::vector<std::string> written() const;

 private:
  void write_config(const std::vector<std::string>& arguments);
  Finished run_engine(Engine engine, std::vector<std::string> arguments) const;

  FakeRoot bundle_;
};

}  // namespace nvhook::test
