// SPDX-License-Identifier: Apache-2.0
#include "host.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "nvhook/base/unique_fd.hpp"
#include "nvhook/driver/identify.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/nvml/facts.hpp"

namespace nvhook::companion {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{1000};
constexpr std::size_t kMaxNumber = 64;  // bytes of a file with a number

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

// The node of memory that a GPU is near to. `bus`: "0000:0A:00.0".
std::uint32_t numa_node_of(std::string bus, const std::string& sys_root) {
  const bool plain = std::ranges::all_of(
      bus, [](char c) { return c != '/' && c != '\0'; });  // it comes from vendor code
  if (bus.empty() || !plain) return 0;
  std::ranges::transform(bus, bus.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  const auto path = sys_root + "/bus/pci/devices/" + bus + "/numa_node";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const auto text = file ? files::read_all(file.get(), kMaxNumber) : std::string();
  return text ? rest::parse_numa_node(*text) : 0;
}

const std::string* library_in(const driver::Driver& driver, std::string_view name) {
  for (const auto& library : driver.libraries)
    if (library.abi == driver::Abi::Native && library.path.value.contains(name))
      return &library.path.value;
  return nullptr;
}

}  // namespace

std::string node_path(const driver::Where& where, const char* name) {
  auto root = where.dev_root;
  if (root.empty())
    root = exists(where.driver_root + where.node_directory + "/nvidiactl") ? where.driver_root : "";
  return root + where.node_directory + "/" + name;
}

Result<nvml::Question> question_of(const driver::Where& where) {
  const auto driver = driver::discover(where, {Capability::Utility, Capability::Compute});
  if (!driver) return std::unexpected(driver.error());
  nvml::Question question;
  const auto* nvml = library_in(*driver, "/libnvidia-ml.so.");
  if (nvml == nullptr) return failure(ErrorId::NvmlAbsent, "this driver has no libnvidia-ml.so");
  question.nvml = *nvml;
  if (const auto* cuda = library_in(*driver, "/libcuda.so.")) question.cuda = *cuda;
  question.status = true;
  question.topology = true;
  return question;
}

Fingerprint::Fingerprint(driver::Where where)
    : where_(std::move(where)), key_(key().value_or("")), looked_(Clock::now()) {}

std::optional<std::string> Fingerprint::key() const {
  const auto identity = driver::identify(where_);
  if (!identity && identity.error().id() == ErrorId::DriverAbsent) return "";
  if (!identity) return {};
  auto key = nvml::key_of_host(where_.proc_root, identity->version, identity->gpus);
  if (!key) return {};
  return std::move(*key);
}

bool Fingerprint::changed(Clock::time_point now) {
  if (now - looked_ < kBetweenLooks) return false;
  looked_ = now;
  auto current = key();
  if (!current || *current == key_) return false;
  // The driver learns UUIDs when NVML looks at a GPU for the first time.
  if (key_.empty() || !nvml::same_but_for_unknown_uuids(key_, *current)) return true;
  key_ = std::move(*current);
  return false;
}

rest::Facts facts_of(nvml::Nvml nvml, const driver::Where& where) {
  rest::Facts facts;
  for (const auto& gpu : nvml.gpus)
    facts.numa_nodes.push_back(numa_node_of(gpu.bus.value_or(""), where.sys_root));
  facts.uvm_tools = exists(node_path(where, "nvidia-uvm-tools"));
  facts.driver_version = nvml.driver.value_or("");
  facts.nvml = std::move(nvml);
  return facts;
}

}  // namespace nvhook::companion
