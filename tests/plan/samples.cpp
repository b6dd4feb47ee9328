// SPDX-License-Identifier: Apache-2.0
#include "plan/samples.hpp"

#include <string>
#include <utility>

namespace nvhook::test {

using driver::Abi;
using driver::NodeKind;

driver::Driver sample_driver() {
  const std::string version = "550.54.14";
  const std::string native = "/usr/lib/x86_64-linux-gnu/";
  const Capabilities compute{Capability::Compute, Capability::Video};
  return {.version = version,
          .root = "/",
          .libraries = {{.path = {native + "libnvidia-ml.so." + version},
                         .links = {"libnvidia-ml.so.1"},
                         .abi = Abi::Native,
                         .capabilities = {Capability::Utility}},
                        {.path = {native + "libcuda.so." + version},
                         .links = {"libcuda.so.1"},
                         .abi = Abi::Native,
                         .capabilities = compute},
                        {.path = {native + "libGLX_nvidia.so." + version},
                         .links = {"libGLX_nvidia.so.0"},
                         .abi = Abi::Native,
                         .capabilities = {Capability::Graphics, Capability::Display}},
                        {.path = {"/usr/lib/i386-linux-gnu/libcuda.so." + version},
                         .links = {"libcuda.so.1"},
                         .abi = Abi::Compat32,
                         .capabilities = compute}},
          .programs = {{.path = {"/usr/bin/nvidia-smi"}, .capability = Capability::Utility},
                       {.path = {"/usr/bin/nvidia-cuda-mps-control"},
                        .capability = Capability::Compute}},
          .nodes = {{NodeKind::Control, {"/dev/nvidiactl"}, "nvidiactl", {195, 255}},
                    {NodeKind::Uvm, {"/dev/nvidia-uvm"}, "nvidia-uvm", {240, 0}},
                    {NodeKind::UvmTools, {"/dev/nvidia-uvm-tools"}, "nvidia-uvm-tools", {240, 1}},
                    {NodeKind::Modeset, {"/dev/nvidia-modeset"}, "nvidia-modeset", {195, 254}}},
          .gpus = {{.index = 0,
                    .minor = 0,
                    .uuid = "GPU-00000000-1111-2222-3333-44445555aaaa",
                    .bus = "0000:01:00.0",
                    .model = "NVIDIA H100 PCIe",
                    .node = {"/dev/nvidia0"},
                    .number = {195, 0}},
                   {.index = 1,
                    .minor = 3,
                    .uuid = "GPU-00000003-1111-2222-3333-44445555bbbb",
                    .bus = "0000:c1:00.0",
                    .model = "NVIDIA H100 PCIe",
                    .node = {"/dev/nvidia3"},
                    .number = {195, 3}}},
          .omitted = {{{native + "libcuda.so.470.82.01"}, "another driver version"}},
          .warnings = {}};
}

driver::Access access_of(const std::string& file, std::uint32_t minor) {
  const auto name = "nvidia-caps/nvidia-cap" + std::to_string(minor);
  return {.file = file,
          .text = "DeviceFileMinor: " + std::to_string(minor) + "\n",
          .node = {.path = {"/dev/" + name}, .name = name, .number = {241, minor}},
          .missing = {}};
}

driver::Driver partitioned_driver() {
  auto driver = sample_driver();
  std::uint32_t minor = 9;
  for (auto& gpu : driver.gpus) {
    const auto top = "gpu" + std::to_string(gpu.minor) + "/mig/gi";
    for (const std::uint32_t id : {1U, 5U, 13U}) {
      const auto directory = top + std::to_string(id);
      auto& instance = gpu.mig.emplace_back();
      instance.id = id;
      instance.access = access_of(directory + "/access", ++minor);
      const std::uint32_t count = id == 5 ? 2 : 1;
      for (std::uint32_t compute = 0; compute < count; ++compute)
        instance.compute.push_back(
            {compute, access_of(directory + "/ci" + std::to_string(compute) + "/access", ++minor)});
    }
  }
  driver.mig_config = access_of("mig/config", 1);
  driver.mig_monitor = access_of("mig/monitor", 2);
  return driver;
}

container::Image debian_image() {
  return {.libc = container::Libc::Glibc,
          .loader = elf::native(),
          .empty = false,
          .library_directory = {"/usr/lib/x86_64-linux-gnu"},
          .library32_directory = {"/usr/lib/i386-linux-gnu"}};
}

oci::Config sample_config() {
  oci::Config config;
  config.mounts = {{.destination = "/proc", .type = "proc", .source = "proc", .options = {}},
                   {.destination = "/dev", .type = "tmpfs", .source = "tmpfs", .options = {}}};
  return config;
}

request::Request asking_for(request::GpuSelection gpus, Capabilities capabilities) {
  return {.devices = {"as asked"},
          .source = request::Source::Environment,
          .gpus = std::move(gpus),
          .capabilities = capabilities};
}

container::Survey empty_survey(const plan::Draft& draft) {
  container::Survey survey;
  auto places = plan::places_of(draft);
  for (auto& place : plan::dispensable_places_of(draft)) places.push_back(std::move(place));
  for (const auto& place : places) {
    const bool dev = place.directory.value == "/dev" || place.directory.value.starts_with("/dev/");
    survey.places[place] = {};
    survey.directories[place.directory] = {
        .resolved = place.directory,
        .exists = true,
        .mount = dev ? container::MountKind::Dev : container::MountKind::Rootfs,
        .shared = false};
  }
  return survey;
}

}  // namespace nvhook::test
