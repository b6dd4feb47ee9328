// SPDX-License-Identifier: Apache-2.0
#include "integration/scope_container.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

constexpr auto kShim = "/usr/local/lib/memlock-shim.so";
constexpr auto kImage = "/srv/busybox";

std::string trimmed(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// What the shell of the container has said of a node.
std::string outcome_in(const std::string& said) {
  if (said.ends_with(": No such device or address")) return "allowed";  // but there is no driver
  if (said.ends_with(": Operation not permitted")) return "forbidden";
  return said;
}

}  // namespace

void furnish(const BootedMachine& machine) {
  for (const fs::path hook : {kHook, kHookAlone, kHookBroken})
    machine.copy_in_program(NVHOOK_PROGRAM, hook);
  machine.copy_in_program(NVHOOK_SYSTEMD_PROGRAM, fs::path(kHook).parent_path() / "nvhook-systemd");
  std::ofstream(machine.file(fs::path(kHookBroken).parent_path() / "nvhook-systemd")) << "nothing";
  machine.copy_in(NVHOOK_MEMLOCK_SHIM, kShim);
  machine.copy_in(NVHOOK_ROOTS "/busybox", kImage);
  machine.copy_in(NVHOOK_SIMULATED_HOST, kDriver);
  const auto settings = machine.file("/etc/nvhook/config.toml");
  fs::create_directories(settings.parent_path());
  std::ofstream(settings) << "[roots]\ndriver = \"" << kDriver << "\"\ndev = \"/\"\nproc = \""
                          << kDriver << "/proc\"\nsys = \"" << kDriver << "/sys\"\n"
                          << "[log]\nfile = \"" << kHookLog << "\"\n";
  const auto nodes = machine.sh(std::string("cp -a ") + kDriver + "/dev/nvidia* /dev");
  EXPECT_EQ(nodes.status, 0) << nodes.err;
}

ScopeContainer::ScopeContainer(const BootedMachine& machine, Engine engine, std::string id, int gpu)
    : machine_(machine), engine_(engine), id_(std::move(id)), gpu_(std::to_string(gpu)) {
  const auto made = machine_.sh("mkdir " + directory() + " && cp -a " + kImage + " " + directory() +
                                "/rootfs && runc spec --bundle " + directory());
  EXPECT_EQ(made.status, 0) << made.err;
  std::ifstream in(machine_.file(directory() + "/config.json"));
  config = nlohmann::json::parse(in);
  config["root"]["readonly"] = false;
  auto& process = config["process"];
  process["terminal"] = false;
  process["args"] = {"sh", "-c",
                     "mknod /dev/other c 195 " + std::to_string(1 - gpu) + "; exec sleep 1000"};
  process["env"].push_back("NVIDIA_VISIBLE_DEVICES=" + gpu_);
  for (const auto* set : {"bounding", "effective", "permitted"})
    process["capabilities"][set].push_back("CAP_MKNOD");
  config["linux"]["cgroupsPath"] = "system.slice:" + std::string(name_of(engine_)) + ":" + id_;
}

ScopeContainer::~ScopeContainer() {
  end();
  (void)machine_.run({"rm", "-rf", directory()});
}

void ScopeContainer::use_hook(const std::string& program, const std::vector<std::string>& options) {
  for (const auto* stage : {"createRuntime", "poststop"}) {
    nlohmann::json arguments = {"nvhook", stage};
    for (const auto& option : options) arguments.push_back(option);
    config["hooks"][stage] = {
        {{"path", program}, {"args", arguments}, {"env", {"PATH=/usr/bin:/bin"}}, {"timeout", 30}}};
  }
}

Finished ScopeContainer::start() {
  std::ofstream(machine_.file(directory() + "/config.json")) << config.dump();
  return engine("run --detach --bundle " + directory());
}

void ScopeContainer::end() { (void)engine("delete --force"); }

Finished ScopeContainer::engine(const std::string& command) const {
  const std::string shim = engine_ == Engine::Crun ? std::string("LD_PRELOAD=") + kShim + " " : "";
  return machine_.sh(shim + name_of(engine_) + " --systemd-cgroup " + command + " " + id_);
}

std::string ScopeContainer::scope() const {
  return std::string(name_of(engine_)) + "-" + id_ + ".scope";
}

std::string ScopeContainer::pid() const {
  const auto state = nlohmann::json::parse(engine("state").out, nullptr, false);
  return state.is_object() ? std::to_string(state.value("pid", 0)) : "none";
}

std::string ScopeContainer::property(const std::string& name) const {
  return trimmed(machine_.run({"systemctl", "show", "--value", "-p", name, scope()}).out);
}

std::string ScopeContainer::access() const {
  const std::string probe = "for node in nvidia" + gpu_ +
                            " nvidiactl other; do echo $( (exec 3<>/dev/$node) 2>&1 ); done";
  const auto done =
      machine_.run({name_of(engine_), "--systemd-cgroup", "exec", id_, "sh", "-c", probe});
  if (done.status != 0) return done.err;
  std::string text;
  std::istringstream lines(done.out);
  for (const std::string node : {"its GPU: ", ", nvidiactl: ", ", the other GPU: "}) {
    std::string line;
    std::getline(lines, line);
    text += node + outcome_in(line);
  }
  return text;
}

}  // namespace nvhook::test
