// SPDX-License-Identifier: Apache-2.0
#include "integration/gpu_bundle.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace nvhook::test {

namespace fs = std::filesystem;

namespace {

constexpr auto kProbe = "/usr/bin/dlopen-probe";

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

const char* name_of(Layout layout) { return layout == Layout::System ? "system" : "tree"; }

GpuBundle::GpuBundle(const std::string& root_kind, Layout layout) : EngineBundle(root_kind) {
  fs::create_directories(rootfs("/usr/bin"));
  fs::copy_file(root_kind == "musl" ? NVHOOK_DLOPEN_PROBE "-musl" : NVHOOK_DLOPEN_PROBE,
                rootfs(kProbe));
  settings_.file("/nvhook.toml", std::string("[container]\nlayout = \"") + name_of(layout) +
                                     "\"\n[log]\nfile = \"" + settings_.on_disk("/log").string() +
                                     "\"\n");
  env("NVIDIA_VISIBLE_DEVICES=all");
}

nlohmann::json GpuBundle::hook(const std::string& stage) const {
  auto hook = hook_entry(stage);
  hook["args"].push_back("--config");
  hook["args"].push_back(settings_.on_disk("/nvhook.toml"));
  return hook;
}

void GpuBundle::use_hooks(const std::vector<std::string>& stages) {
  for (const auto& stage : stages) config["hooks"][stage] = {hook(stage)};
}

void GpuBundle::write(const std::string& name, const std::string& bytes) const {
  fs::create_directories(rootfs(name).parent_path());
  std::ofstream out(rootfs(name), std::ios::binary);
  EXPECT_TRUE(out << bytes) << name;
}

std::string GpuBundle::read(const std::string& name) const { return text_of(rootfs(name)); }

void GpuBundle::make_cache(const std::vector<std::string>& options) const {
  std::vector<std::string> arguments = {"/sbin/ldconfig", "-r", rootfs("/")};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const auto done = run(arguments);
  EXPECT_EQ(done.status, 0) << done.err;
}

Finished GpuBundle::look_for_libraries(Engine engine) {
  return run_program_in(engine, {kProbe, "libcuda.so.1", "libnvidia-ml.so.1"});
}

std::string GpuBundle::found_in(const std::string& directory) {
  return "libcuda.so.1: " + directory + "/libcuda.so.1\nlibnvidia-ml.so.1: " + directory +
         "/libnvidia-ml.so.1\n";
}

std::string GpuBundle::log() const { return text_of(settings_.on_disk("/log")); }

std::vector<std::string> GpuBundle::messages() const {
  std::vector<std::string> ids;
  std::istringstream lines(log());
  for (std::string line; std::getline(lines, line);)
    ids.push_back(nlohmann::json::parse(line)["id"]);
  return ids;
}

}  // namespace nvhook::test
