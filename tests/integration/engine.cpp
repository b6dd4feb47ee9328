// SPDX-License-Identifier: Apache-2.0
#include "integration/engine.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "support/launch.hpp"
#include "support/v2_cgroup.hpp"

namespace nvhook::test {

namespace fs = std::filesystem;

std::string engines_unavailable() {
  if (::geteuid() != 0) return "needs root";
  if (!fs::exists("/sys/fs/cgroup/devices"))
    return "needs the cgroup v1 devices controller at /sys/fs/cgroup/devices";
  return {};
}

nlohmann::json hook_entry(const std::string& stage, const fs::path& host) {
  return {{"path", NVHOOK_PROGRAM},
          {"args",
           {"nvhook", "--driver-root", host, "--dev-root", host, "--proc-root", host / "proc",
            "--sys-root", host / "sys", stage}},
          {"env", {"PATH=/usr/bin:/bin"}},
          {"timeout", 20}};
}

const char* name_of(Engine engine) { return engine == Engine::Runc ? "runc" : "crun"; }

namespace {

// A mount namespace of this process's own, where overlays come and go unseen by the machine. crun
// 1.8 refuses a host where the v2 hierarchy beside v1's has controllers: here it is not mounted.
bool separate_mounts() {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return false;
  ::umount2("/sys/fs/cgroup/unified", MNT_DETACH);
  return true;
}

}  // namespace

EngineBundle::EngineBundle(const std::string& root_kind) {
  static const bool separate = separate_mounts();
  EXPECT_TRUE(separate);
  bundle_.directory("/upper").directory("/work").directory("/rootfs");
  const auto options = "lowerdir=" NVHOOK_ROOTS "/" + root_kind +
                       ",upperdir=" + bundle_.on_disk("/upper").string() +
                       ",workdir=" + bundle_.on_disk("/work").string();
  EXPECT_EQ(::mount("overlay", bundle_.on_disk("/rootfs").c_str(), "overlay", 0, options.c_str()),
            0);

  const auto spec = run({"runc", "spec", "--bundle", path()});
  EXPECT_EQ(spec.status, 0) << spec.err;
  const auto text = run({"cat", bundle_.on_disk("/config.json")}).out;
  config = nlohmann::json::parse(text);
  config["process"]["terminal"] = false;
  config["root"]["readonly"] = false;
}

EngineBundle::~EngineBundle() { ::umount2(bundle_.on_disk("/rootfs").c_str(), MNT_DETACH); }

void EngineBundle::write_config(const std::vector<std::string>& arguments) {
  config["process"]["args"] = arguments;
  bundle_.file("/config.json", config.dump());
}

Finished EngineBundle::run_in(Engine engine, const std::string& script) {
  return run_program_in(engine, {"/bin/sh", "-c", script});
}

Finished EngineBundle::run_program_in(Engine engine, const std::vector<std::string>& arguments) {
  write_config(arguments);
  const auto finished = run_engine(engine, {"run", "--bundle", path(), id()});
  delete_in(engine);  // there is one only if it was interrupted
  return finished;
}

pid_t EngineBundle::start_in(Engine engine, const std::string& script) {
  write_config({"/bin/sh", "-c", script});
  // The container would hold the pipes to us.
  const auto started = run({"sh", "-c", R"(exec "$@" </dev/null >/dev/null 2>&1)", "start",
                            name_of(engine), "run", "--detach", "--bundle", path(), id()});
  EXPECT_EQ(started.status, 0);
  const auto state = nlohmann::json::parse(run_engine(engine, {"state", id()}).out, nullptr, false);
  const auto pid = state.is_object() ? state.value("pid", 0) : 0;
  EXPECT_GT(pid, 1);
  return pid;
}

Finished EngineBundle::delete_in(Engine engine) {
  return run_engine(engine, {"delete", "--force", id()});
}

Finished EngineBundle::run_engine(Engine engine, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), name_of(engine));
  if (cgroups == CgroupView::V1) return run(arguments);
  std::vector<std::string> environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  if (engine == Engine::Crun) environment.emplace_back("LD_PRELOAD=" NVHOOK_MEMLOCK_SHIM);
  const auto ended = launch(
      {.arguments = std::move(arguments), .environment = std::move(environment), .before = [] {
         if (::unshare(CLONE_NEWNS) != 0 || !show_cgroup_v2_only()) ::_exit(1);
       }});
  EXPECT_FALSE(ended.hung);
  return ended;
}

std::vector<std::string> EngineBundle::written() const {
  std::vector<std::string> names;
  const auto upper = bundle_.on_disk("/upper");
  for (const auto& entry : fs::recursive_directory_iterator(upper))
    names.push_back("/" + entry.path().lexically_relative(upper).string());
  std::ranges::sort(names);
  return names;
}

}  // namespace nvhook::test
