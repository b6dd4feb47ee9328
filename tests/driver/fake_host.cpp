// SPDX-License-Identifier: Apache-2.0
#include "driver/fake_host.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <utility>

namespace nvhook::test {

FakeHost::FakeHost() {
  tree_.file("/sys/module/nvidia/version", std::string(kVersion) + "\n")
      .file("/proc/devices",
            "Character devices:\n  1 mem\n195 nvidia\n240 nvidia-uvm\n\nBlock devices:\n  7 loop\n")
      .directory("/proc/driver/nvidia/gpus");
  node("/dev/nvidiactl", 195, 255)
      .node("/dev/nvidia-modeset", 195, 254)
      .node("/dev/nvidia-uvm", kUvmMajor, 0)
      .node("/dev/nvidia-uvm-tools", kUvmMajor, 1);
}

FakeHost& FakeHost::gpu(std::string_view address, std::uint32_t minor, std::string_view more) {
  const auto number = std::to_string(minor);
  tree_.file("/proc/driver/nvidia/gpus/" + std::string(address) + "/information",
             "Model: \t\t NVIDIA H100 PCIe\nIRQ:   \t\t 33\nGPU UUID: \t GPU-0000000" + number +
                 "-1111-2222-3333-444455556666\nBus Location: \t " + std::string(address) +
                 "\nDevice Minor: \t " + number + "\n" + std::string(more));
  return node("/dev/nvidia" + number, 195, minor);
}

FakeHost& FakeHost::node(std::string_view path, std::uint32_t major, std::uint32_t minor) {
  const auto where = tree_.on_disk(path);
  std::filesystem::create_directories(where.parent_path());
  if (::mknod(where.c_str(), S_IFCHR | 0666, ::makedev(major, minor)) != 0) has_nodes_ = false;
  return *this;
}

FakeHost& FakeHost::library(std::string_view path, std::string_view soname,
                            std::string_view content, std::int32_t flags) {
  const std::filesystem::path file(path);
  tree_.file(path, content);
  const auto name = soname.empty() ? file.filename().string() : std::string(soname);
  const auto link = (file.parent_path() / name).string();
  if (!soname.empty()) tree_.symlink(link, file.filename().string());
  return cache_entry({name, link, flags});
}

FakeHost& FakeHost::usual_libraries() {
  const auto add = [this](const std::string& stem) {
    library("/usr/lib/" + stem + "." + std::string(kVersion), stem + ".1");
  };
  for (const auto* stem :
       {"libnvidia-ml.so", "libnvidia-cfg.so", "libcuda.so", "libnvidia-opencl.so",
        "libnvidia-ptxjitcompiler.so", "libnvidia-allocator.so"})
    add(stem);
  return *this;
}

FakeHost& FakeHost::cache_entry(CacheImage::Entry entry) {
  cache_.entries.push_back(std::move(entry));
  return *this;
}

void FakeHost::remove(std::string_view path) { std::filesystem::remove_all(tree_.on_disk(path)); }

driver::Where FakeHost::where() {
  if (!cache_.entries.empty()) tree_.file("/etc/ld.so.cache", cache_.bytes());
  return {.driver_root = on_disk("/"),
          .dev_root = on_disk("/"),
          .proc_root = on_disk("/proc"),
          .sys_root = on_disk("/sys"),
          .library_directories = {"/lib64", "/lib", "/lib32"},
          .program_directories = {"/usr/bin", "/bin"}};
}

}  // namespace nvhook::test
