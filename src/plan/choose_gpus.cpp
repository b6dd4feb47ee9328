// SPDX-License-Identifier: Apache-2.0
#include "choose_gpus.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace nvhook::plan {
namespace {

using driver::Driver;
using driver::Gpu;

constexpr auto kVariable = " (NVIDIA_VISIBLE_DEVICES)";

// A MIG device by the ids of its instances.
struct MigId {
  std::uint32_t gpu_instance = 0;
  std::uint32_t compute_instance = 0;
  auto operator<=>(const MigId&) const = default;
};

bool begins_in_any_case(std::string_view text, std::string_view beginning) {
  const auto lower = [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };
  return text.size() >= beginning.size() &&
         std::ranges::equal(text.substr(0, beginning.size()), beginning, {}, lower, lower);
}

bool same_in_any_case(std::string_view one, std::string_view other) {
  return one.size() == other.size() && begins_in_any_case(one, other);
}

template <class Id>
constexpr bool kIsGpu = std::is_same_v<Id, request::GpuIndex> ||
                        std::is_same_v<Id, request::GpuUuid> || std::is_same_v<Id, request::GpuBus>;

bool matches(const request::GpuIndex& id, const Gpu& gpu) { return id.index == gpu.index; }
bool matches(const request::GpuBus& id, const Gpu& gpu) {
  return request::parse_bus(gpu.bus) == id;
}
bool matches(const request::GpuUuid& id, const Gpu& gpu) {
  return begins_in_any_case(gpu.uuid, id.uuid);
}

std::string written(const request::GpuIndex& id) { return std::to_string(id.index); }
std::string written(const request::GpuUuid& id) { return id.uuid; }
std::string written(const request::GpuBus& id) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.0", id.domain, id.bus, id.device);
  return text.data();
}
std::string written(const request::MigIndex& id) {
  return std::to_string(id.gpu) + ":" + std::to_string(id.device);
}
std::string written(const request::MigUuid& id) { return id.uuid; }
std::string written(const MigId& id) {
  return std::to_string(id.gpu_instance) + "/" + std::to_string(id.compute_instance);
}
std::string written(const request::MigInstance& id) {
  return "MIG-" + id.gpu_uuid + "/" + written(MigId{id.gpu_instance, id.compute_instance});
}

std::string gpus_of(const Driver& driver) {
  auto text = "this host; it has " + std::to_string(driver.gpus.size());
  if (!driver.gpus.empty()) text += ", with indices 0 to " + std::to_string(driver.gpus.size() - 1);
  return text;
}

std::unexpected<Error> no_such_gpu(const std::string& id, const Driver& driver) {
  auto text = "there is no GPU " + id + " on " + gpus_of(driver);
  const bool unknown =
      std::ranges::any_of(driver.gpus, [](const Gpu& gpu) { return gpu.uuid.contains('?'); });
  if (unknown && id.starts_with("GPU-"))
    text += "; the driver knows the UUID of a GPU once it was used: run nvidia-smi on the host";
  return failure(ErrorId::ReqDevice, text + kVariable);
}

std::vector<MigId> mig_devices_of(const Gpu& gpu) {
  std::vector<MigId> devices;
  for (const auto& instance : gpu.mig)
    for (const auto& compute : instance.compute) devices.push_back({instance.id, compute.id});
  return devices;
}

// Those that there are, for whoever asked for another.
std::string mig_devices_text(const Gpu& gpu) {
  const auto devices = mig_devices_of(gpu);
  auto text = "GPU " + std::to_string(gpu.index) + " has " + std::to_string(devices.size());
  for (std::size_t i = 0; i < devices.size(); ++i)
    text += (i == 0 ? ", of GPU instance/compute instance " : ", ") + written(devices[i]);
  return text;
}

std::unexpected<Error> no_such_mig_device(const std::string& id, const Gpu& gpu) {
  return failure(ErrorId::ReqDevice, "there is no MIG device " + id + " on this host; " +
                                         mig_devices_text(gpu) + kVariable);
}

// What is granted of one GPU.
struct Share {
  bool whole = false;
  std::set<MigId> devices;
};

class Chooser {
 public:
  explicit Chooser(const Driver& driver) : driver_(driver) {}

  Result<void> choose(const request::GpuId& id) {
    return std::visit([&](const auto& each) { return add(each); }, id);
  }
  void choose_all() {
    for (const auto& gpu : driver_.gpus) shares_[gpu.index].whole = true;
  }

  ChosenGpus chosen() && {
    ChosenGpus chosen;
    chosen.warnings = std::move(warnings_);
    for (const auto& gpu : driver_.gpus) {
      const auto share = shares_.find(gpu.index);
      if (share == shares_.end()) continue;
      auto& granted = chosen.gpus.emplace_back(gpu);
      if (!share->second.whole) reduce(granted, share->second.devices);
    }
    return chosen;
  }

 private:
  // One GPU, and not several whose UUIDs begin alike.
  template <class Id>
  requires kIsGpu<Id> Result<void> add(const Id& id) {
    const auto same = [&](const Gpu& gpu) { return matches(id, gpu); };
    const auto gpu = std::ranges::find_if(driver_.gpus, same);
    if (gpu == driver_.gpus.end()) return no_such_gpu(written(id), driver_);
    if (const auto count = std::ranges::count_if(driver_.gpus, same); count > 1)
      return failure(ErrorId::ReqDevice, "the UUIDs of " + std::to_string(count) +
                                             " GPUs begin with " + written(id) +
                                             ": write more of it" + kVariable);
    shares_[gpu->index].whole = true;
    return {};
  }

  Result<void> add(const request::MigIndex& id) {
    const auto gpu = std::ranges::find(driver_.gpus, id.gpu, &Gpu::index);
    if (gpu == driver_.gpus.end()) return no_such_gpu(std::to_string(id.gpu), driver_);
    if (numbers_are_known(*gpu)) {
      for (const auto& name : *driver_.mig_names)
        if (name.gpu == id.gpu && name.index == id.device)
          return grant(*gpu, {name.gpu_instance, name.compute_instance}, written(id));
      return no_such_mig_device(written(id), *gpu);
    }
    const auto devices = mig_devices_of(*gpu);
    if (id.device >= devices.size()) return no_such_mig_device(written(id), *gpu);
    const auto& device = devices[id.device];
    if (devices.size() > 1)
      warnings_.push_back(
          {WarningId::MigOrder,
           "MIG device " + written(id) + " is taken for instance " + written(device) + ": the " +
               std::to_string(devices.size()) + " of GPU " + std::to_string(gpu->index) +
               " are counted by the ids of their instances, and NVML may count otherwise; MIG-" +
               gpu->uuid + "/" + written(device) + " says it for certain"});
    return grant(*gpu, device, written(id));
  }

  // NVML does not show devices to a process that may not use them, and may count the others on: its
  // numbers are of use only where it has named all.
  [[nodiscard]] bool numbers_are_known(const Gpu& gpu) const {
    if (!driver_.mig_names) return false;
    return std::ranges::all_of(mig_devices_of(gpu), [&](const MigId& device) {
      return std::ranges::any_of(*driver_.mig_names, [&](const driver::MigName& name) {
        return name.gpu == gpu.index && name.gpu_instance == device.gpu_instance &&
               name.compute_instance == device.compute_instance;
      });
    });
  }

  Result<void> add(const request::MigUuid& id) {
    if (!driver_.mig_names)
      return failure(ErrorId::ReqDevice,
                     "NVML alone knows which MIG device " + id.uuid +
                         " is, and it could not be asked: ask by \"<GPU>:<number>\" or "
                         "MIG-GPU-<uuid>/<GPU instance>/<compute instance>" +
                         kVariable);
    for (const auto& name : *driver_.mig_names) {
      if (!same_in_any_case(name.uuid, id.uuid)) continue;
      const auto gpu = std::ranges::find(driver_.gpus, name.gpu, &Gpu::index);
      if (gpu == driver_.gpus.end()) return no_such_gpu(std::to_string(name.gpu), driver_);
      return grant(*gpu, {name.gpu_instance, name.compute_instance}, written(id));
    }
    auto text = "there is no MIG device " + id.uuid + " on this host";
    for (std::size_t i = 0; i < driver_.mig_names->size(); ++i)
      text += (i == 0 ? "; it has " : ", ") + (*driver_.mig_names)[i].uuid;
    return failure(ErrorId::ReqDevice, text + kVariable);
  }

  Result<void> add(const request::MigInstance& id) {
    const auto gpu = std::ranges::find_if(
        driver_.gpus, [&](const Gpu& each) { return same_in_any_case(each.uuid, id.gpu_uuid); });
    if (gpu == driver_.gpus.end()) return no_such_gpu(id.gpu_uuid, driver_);
    return grant(*gpu, {id.gpu_instance, id.compute_instance}, written(id));
  }

  Result<void> grant(const Gpu& gpu, MigId device, const std::string& id) {
    const auto instance = std::ranges::find(gpu.mig, device.gpu_instance, &driver::GpuInstance::id);
    if (instance == gpu.mig.end()) return no_such_mig_device(id, gpu);
    const auto compute =
        std::ranges::find(instance->compute, device.compute_instance, &driver::ComputeInstance::id);
    if (compute == instance->compute.end()) return no_such_mig_device(id, gpu);
    for (const auto* access : {&instance->access, &compute->access})
      if (!access->missing.empty())
        return failure(ErrorId::NodeMissing, "MIG device " + id + ": " + access->missing);
    shares_[gpu.index].devices.insert(device);
    return {};
  }

  static void reduce(Gpu& gpu, const std::set<MigId>& devices) {
    for (auto& instance : gpu.mig)
      std::erase_if(instance.compute, [&](const driver::ComputeInstance& compute) {
        return !devices.contains({instance.id, compute.id});
      });
    std::erase_if(gpu.mig, [](const auto& instance) { return instance.compute.empty(); });
  }

  const Driver& driver_;
  std::map<std::uint32_t, Share> shares_;  // by the GPU's index
  std::vector<Warning> warnings_;
};

}  // namespace

Result<ChosenGpus> choose_gpus(const request::Request& request, const Driver& driver) {
  Chooser chooser(driver);
  if (std::holds_alternative<request::AllGpus>(request.gpus)) chooser.choose_all();
  if (const auto* ids = std::get_if<std::vector<request::GpuId>>(&request.gpus))
    for (const auto& id : *ids)
      if (auto fine = chooser.choose(id); !fine) return std::unexpected(std::move(fine).error());
  return std::move(chooser).chosen();
}

}  // namespace nvhook::plan
