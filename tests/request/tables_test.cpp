// SPDX-License-Identifier: Apache-2.0
// Sources: nvidia-container-toolkit, internal/config/image and cmd/nvidia-container-runtime-hook;
// libnvidia-container, src/cli.
#include <array>
#include <cstdlib>
#include <utility>
#include <variant>

#include "nvhook/plan/make_plan.hpp"
#include "plan/samples.hpp"
#include "request/container.hpp"
#include "request/contract.hpp"

namespace nvhook::request {
namespace {

constexpr auto kGpu0 = "GPU-00000000-1111-2222-3333-44445555aaaa";
constexpr auto kMig = "MIG-00000000-1111-2222-3333-44445555aaaa";

// MIG devices as they are asked for; whether the host has them is the plan's matter.
std::string text_of_mig(const GpuId& id) {
  if (const auto* index = std::get_if<MigIndex>(&id))
    return " MIG " + std::to_string(index->gpu) + ":" + std::to_string(index->device);
  if (const auto* uuid = std::get_if<MigUuid>(&id)) return " " + uuid->uuid;
  if (const auto* instance = std::get_if<MigInstance>(&id))
    return " MIG " + std::to_string(instance->gpu_instance) + "/" +
           std::to_string(instance->compute_instance) + " of " + instance->gpu_uuid;
  return {};
}

// "GPUs 0 1", "no GPU", "nothing", an error's id; on a host with this driver and all IMEX channels.
std::string devices_on(driver::Driver driver, const oci::Config& container, const Rules& rules) {
  const auto parsed = parse(container, rules);
  if (!parsed) return std::string(name_of(parsed.error().id()));
  if (std::holds_alternative<NothingAsked>(parsed->asked)) return "nothing";
  const auto& request = std::get<Request>(parsed->asked);
  if (const auto* ids = std::get_if<std::vector<GpuId>>(&request.gpus)) {
    std::string mig;
    for (const auto& id : *ids) mig += text_of_mig(id);
    if (!mig.empty()) return mig.substr(1);
  }
  for (const auto channel : request.imex_channels)
    driver.imex_channels.push_back(
        {.path = {"/dev/channel"}, .name = "channel", .number = {.major = 507, .minor = channel}});
  const auto draft = plan::draft(request, driver, test::debian_image());
  if (!draft) return std::string(name_of(draft.error().id()));
  if (draft->gpus.empty()) return "no GPU";
  std::string text = "GPUs";
  for (const auto& gpu : draft->gpus) text += " " + std::to_string(gpu.index);
  return text;
}

std::string devices(const oci::Config& container, const Rules& rules) {
  return devices_on(test::sample_driver(), container, rules);  // which has two GPUs
}

oci::Config visible(const std::string& list, std::vector<std::string> more = {}) {
  more.push_back("NVIDIA_VISIBLE_DEVICES=" + list);
  return with_env(std::move(more));
}

TEST_F(Contract, VisibleDevices) {
  const std::string gpu0 = kGpu0;
  const std::string legacy = "CUDA_VERSION=9.0";
  const ContractRow table[] = {
      {"unset", with_env({}), "nothing"},
      {"unset, legacy image", with_env({legacy}), "GPUs 0 1"},
      {"empty", visible(""), "nothing"},
      {"a comma", visible(","), "nothing"},
      {"blanks", visible(" \t "), "nothing"},
      {"empty, legacy image", visible("", {legacy}), "nothing"},
      {"void", visible("void"), "nothing"},
      {"void behind ids", visible("0,void"), "nothing"},
      {"void behind words", visible("all,none,void"), "nothing"},
      {"none", visible("none"), "no GPU"},
      {"all", visible("all"), "GPUs 0 1"},
      {"an id, none", visible("0,none"), "no GPU"},
      {"an id, all", visible("0,all"), "GPUs 0 1"},
      {"none before all", visible("none,all"), "no GPU"},
      {"all before none", visible("all,none"), "GPUs 0 1"},
      {"an unknown id, all", visible("bogus,all"), "GPUs 0 1"},
      {"an index", visible("1"), "GPUs 1"},
      {"indices", visible("0,1"), "GPUs 0 1"},
      {"indices in another order", visible("1,0"), "GPUs 0 1"},
      {"blanks around items", visible(" 1 ,\t0"), "GPUs 0 1"},
      {"empty items", visible(",1,,"), "GPUs 1"},
      {"an index beyond the GPUs", visible("2"), "E_REQ_DEVICE"},
      {"a negative index", visible("-1"), "E_REQ_DEVICE"},
      {"a hexadecimal index", visible("0x1"), "E_REQ_DEVICE"},
      {"a UUID", visible(gpu0), "GPUs 0"},
      {"a UUID in upper case", visible("GPU-00000000-1111-2222-3333-44445555AAAA"), "GPUs 0"},
      {"a UUID of no GPU here", visible("GPU-0000000f-1111-2222-3333-44445555aaaa"),
       "E_REQ_DEVICE"},
      {"how one UUID begins",
       visible("GPU-00000003"),
       "GPUs 1",
       {},
       "unknown device; nvidia-docker 1 took it"},
      {"how two UUIDs begin", visible("GPU-0000000"), "E_REQ_DEVICE"},
      {"a UUID and more", visible(gpu0 + "0"), "E_REQ_DEVICE"},
      {"MIG UUID", visible(kMig), kMig},
      {"MIG UUID in upper case", visible("MIG-00000000-1111-2222-3333-44445555AAAA"), kMig},
      {"MIG UUID cut short", visible("MIG-00000000-1111"), "E_REQ_DEVICE"},
      {"MIG device of an old driver", visible("MIG-" + gpu0 + "/1/0"),
       "MIG 1/0 of GPU-00000000-1111-2222-3333-44445555aaaa"},
      {"MIG device by place", visible("0:1"), "MIG 0:1"},
      {"MIG device by place, and more", visible("0:1x"), "E_REQ_DEVICE", {}, "MIG 0:1"},
      {"PCI address, long domain", visible("00000000:01:00.0"), "GPUs 0"},
      {"PCI address", visible("0000:c1:00.0"), "GPUs 1"},
      {"PCI address in upper case", visible("0000:C1:00.0"), "GPUs 1"},
      {"PCI address, short", visible("0:1:0.0"), "GPUs 0"},
      {"PCI address without function", visible("0000:01:00"), "GPUs 0"},
      {"PCI address of no GPU", visible("0000:02:00.0"), "E_REQ_DEVICE"},
      {"CDI names only", visible("nvidia.com/gpu=0,nvidia.com/gpu=1"), "E_REQ_DEVICE"},
      {"CDI names and others", visible("0,nvidia.com/gpu=1"), "E_REQ_DEVICE"},
      {"all in another case", visible("ALL"), "GPUs 0 1"},
      {"none in another case", visible("NONE"), "E_REQ_DEVICE"},
      {"anything else", visible("gpu0"), "E_REQ_DEVICE"},
      {"an id twice", visible("1,1,01"), "GPUs 1"},
      {"the last of a repeated variable", visible("1", {"NVIDIA_VISIBLE_DEVICES=bogus"}), "GPUs 1"},
  };

  walk(table, devices);
}

TEST_F(Contract, VisibleDevicesOfAMachineWithoutGpus) {
  const ContractRow table[] = {
      {"all", visible("all"), "no GPU"},
      {"none", visible("none"), "no GPU"},
      {"an index", visible("0"), "E_REQ_DEVICE", {}, "no GPU: ids are not compared"},
      {"a UUID", visible(kGpu0), "E_REQ_DEVICE", {}, "no GPU: ids are not compared"},
  };
  auto driver = test::sample_driver();
  driver.gpus.clear();

  walk(table, [&](const auto& container, const auto& rules) {
    return devices_on(driver, container, rules);
  });
}

oci::Config mounted(std::string source, std::string destination) {
  oci::Config config;
  config.mounts.push_back({.destination = std::move(destination),
                           .type = "bind",
                           .source = std::move(source),
                           .options = {}});
  return config;
}

// Devices, and IMEX channels behind them.
std::string devices_by_mounts(const oci::Config& container, const Rules& rules) {
  auto text = devices(container, rules);
  const auto parsed = parse(container, rules);
  if (parsed && !parsed->warnings.empty()) text += ", warned";
  if (parsed && std::holds_alternative<Request>(parsed->asked))
    for (const auto channel : std::get<Request>(parsed->asked).imex_channels)
      text += ", channel " + std::to_string(channel);
  return text;
}

TEST_F(Contract, DeviceListAsVolumeMounts) {
  const std::string root = "/var/run/nvidia-container-devices";
  const auto on = accepting_mounts();
  const ContractRow table[] = {
      {"all", with_mounts({"all"}), "GPUs 0 1", on},
      {"an index", with_mounts({"1"}), "GPUs 1", on},
      {"a UUID", with_mounts({kGpu0}), "GPUs 0", on},
      {"a MIG UUID", with_mounts({kMig}), kMig, on},
      {"several", with_mounts({"1", kGpu0}), "GPUs 0 1", on},
      {"an id, all", with_mounts({"0", "all"}), "GPUs 0 1", on},
      {"an unknown id", with_mounts({"gpu0"}), "E_REQ_DEVICE", on},
      {"a list", with_mounts({"0,1"}), "E_REQ_DEVICE", on, "GPUs 0 1: it is split again"},
      {"cdi/<vendor>/<class>/<name>", with_mounts({"cdi/nvidia.com/gpu/0"}), "E_REQ_DEVICE", on},
      {"cdi/<vendor>/<class>=<name>", with_mounts({"cdi/nvidia.com/gpu=0"}), "E_REQ_DEVICE", on},
      {"cdi/, malformed", with_mounts({"0", "cdi/nvidia.com/gpu"}), "GPUs 0, warned", on},
      {"imex/<n>", with_mounts({"0", "imex/7"}), "GPUs 0, channel 7", on},
      {"imex/<n> alone", with_mounts({"imex/7"}), "nothing", on},
      {"void", with_mounts({"void"}), "E_REQ_DEVICE", on},
      {"none", with_mounts({"none"}), "E_REQ_DEVICE", on},
      {"a destination twice", with_mounts({"1", "1"}), "GPUs 1", on},
      {"nothing below the directory", mounted("/dev/null", root), "nothing", on},
      {"a slash behind", mounted("/dev/null", root + "/1/"), "GPUs 1", on},
      {"a destination to clean", mounted("/dev/null", "//var/./run/x/../" + root.substr(9) + "//1"),
       "GPUs 1", on},
      {"a destination that leaves", mounted("/dev/null", root + "/../1"), "nothing", on},
      {"a source to clean", mounted("/dev/./x/..//null", root + "/1"), "GPUs 1", on},
      {"another source", mounted("/dev/zero", root + "/1"), "nothing", on},
      {"a relative source", mounted("dev/null", root + "/1"), "nothing", on},
      {"a directory of a longer name", mounted("/dev/null", root + "X/1"), "nothing", on,
       "unknown device: it is taken for a request"},
      {"not accepted", with_mounts({"0"}), "nothing"},
      {"before the environment", with_mounts({"0"}, {"NVIDIA_VISIBLE_DEVICES=1"}), "GPUs 0", on},
      {"not accepted, with an environment", with_mounts({"0"}, {"NVIDIA_VISIBLE_DEVICES=1"}),
       "GPUs 1"},
  };

  walk(table, devices_by_mounts);
}

// "compute utility" in the usual order, an error's id.
std::string capabilities(const oci::Config& container, const Rules& rules) {
  const auto parsed = parse(container, rules);
  if (!parsed) return std::string(name_of(parsed.error().id()));
  if (std::holds_alternative<NothingAsked>(parsed->asked)) return "nothing";
  std::string text;
  for (const auto capability : kAllCapabilities)
    if (std::get<Request>(parsed->asked).capabilities.contains(capability))
      text += (text.empty() ? "" : " ") + std::string(name_of(capability));
  return text.empty() ? "none" : text;
}

TEST_F(Contract, DriverCapabilities) {
  constexpr auto kEvery = "compute compat32 graphics utility video display ngx";
  const auto asking = [](const std::string& list) {
    return with_env({"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=" + list});
  };
  const Rules few{.supported_capabilities = {Capability::Utility, Capability::Video}};
  const Rules other{.supported_capabilities = {Capability::Graphics}};
  const ContractRow table[] = {
      {"unset", visible("all"), "compute utility"},
      {"empty", asking(""), "compute utility"},
      {"unset, utility and video supported", visible("all"), "utility", few},
      {"unset, nothing usual supported", visible("all"), "none", other},
      {"unset, legacy image", with_env({"CUDA_VERSION=9.0"}), kEvery},
      {"unset, legacy image, few supported", with_env({"CUDA_VERSION=9.0"}), "utility video", few},
      {"all", asking("all"), kEvery},
      {"all, few supported", asking("all"), "utility video", few},
      {"all with others", asking("bogus,all"), kEvery},
      {"compute", asking("compute"), "compute"},
      {"compat32", asking("compat32"), "compat32"},
      {"graphics", asking("graphics"), "graphics"},
      {"utility", asking("utility"), "utility"},
      {"video", asking("video"), "video"},
      {"display", asking("display"), "display"},
      {"ngx", asking("ngx"), "ngx"},
      {"a list with blanks", asking(" utility , video "), "utility video"},
      {"one that is not supported", asking("utility,compute"), "E_REQ_CAPABILITY", few},
      {"one that is unknown", asking("utility,cuda"), "E_REQ_CAPABILITY"},
      {"one in another case", asking("Utility"), "E_REQ_CAPABILITY"},
  };

  walk(table, capabilities);
}

// "all, 7 capabilities, cuda>=9.0", "nothing", an error's id.
std::string as_legacy(const oci::Config& container, const Rules& rules) {
  const auto parsed = parse(container, rules);
  if (!parsed) return std::string(name_of(parsed.error().id()));
  if (std::holds_alternative<NothingAsked>(parsed->asked)) return "nothing";
  const auto& request = std::get<Request>(parsed->asked);
  int count = 0;
  for (const auto capability : kAllCapabilities)
    if (request.capabilities.contains(capability)) ++count;
  auto text = request.devices.front() + ", " + std::to_string(count) + " capabilities";
  for (const auto& demand : request.demands) text += ", " + demand.requirement;
  for (const auto channel : request.imex_channels) text += ", channel " + std::to_string(channel);
  if (!parsed->warnings.empty()) text += ", warned";
  return text;
}

TEST_F(Contract, LegacyImages) {
  const std::string version = "CUDA_VERSION=9.0.176";
  const ContractRow table[] = {
      {"CUDA_VERSION alone", with_env({version}), "all, 7 capabilities, cuda>=9.0"},
      {"an empty NVIDIA_REQUIRE_CUDA", with_env({version, "NVIDIA_REQUIRE_CUDA="}),
       "all, 7 capabilities, cuda>=9.0"},
      {"with NVIDIA_REQUIRE_CUDA", with_env({version, "NVIDIA_REQUIRE_CUDA=cuda>=9.0"}), "nothing"},
      {"an empty CUDA_VERSION", with_env({"CUDA_VERSION="}), "nothing"},
      {"devices set", with_env({version, "NVIDIA_VISIBLE_DEVICES=1"}),
       "1, 7 capabilities, cuda>=9.0"},
      {"capabilities set", with_env({version, "NVIDIA_DRIVER_CAPABILITIES=video"}),
       "all, 1 capabilities, cuda>=9.0"},
      {"capabilities set and empty", with_env({version, "NVIDIA_DRIVER_CAPABILITIES="}),
       "all, 2 capabilities, cuda>=9.0"},
      {"another requirement", with_env({version, "NVIDIA_REQUIRE_DRIVER=driver>=390"}),
       "all, 7 capabilities, driver>=390, cuda>=9.0"},
      {"a version of one number", with_env({"CUDA_VERSION=10"}), "all, 7 capabilities, cuda>=10"},
      {"a version with a suffix", with_env({"CUDA_VERSION=11.4-rc1"}),
       "all, 7 capabilities, cuda>=11.4"},
      {"no version", with_env({"CUDA_VERSION=new"}), "E_REQ_REQUIREMENT"},
      {"requirements disabled", with_env({version, "NVIDIA_DISABLE_REQUIRE=1"}),
       "all, 7 capabilities"},
      {"IMEX channels unset", with_env({version}), "all, 7 capabilities, cuda>=9.0"},
      {"IMEX channels set", with_env({version, "NVIDIA_IMEX_CHANNELS=3"}),
       "all, 7 capabilities, cuda>=9.0, channel 3"},
  };

  walk(table, as_legacy);
}

}  // namespace
}  // namespace nvhook::request
