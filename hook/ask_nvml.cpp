// SPDX-License-Identifier: Apache-2.0
#include "ask_nvml.hpp"

#include <algorithm>
#include <utility>

#include "nvhook/driver/identify.hpp"
#include "nvhook/nvml/ask.hpp"
#include "nvhook/nvml/facts.hpp"
#include "nvhook/plan/nvml_needed.hpp"
#include "prepare.hpp"

namespace nvhook {
namespace {

constexpr std::string_view kLibrary = "/libnvidia-ml.so.";

Result<std::string> find_library(const driver::Where& where) {
  const auto driver = driver::discover(where, {Capability::Utility});
  if (!driver) return std::unexpected(driver.error());
  for (const auto& library : driver->libraries)
    if (library.abi == driver::Abi::Native && library.path.value.contains(kLibrary))
      return library.path.value;
  return failure(ErrorId::NvmlAbsent, "this driver has no libnvidia-ml.so");
}

Result<std::string> key_of(const driver::Where& where, const driver::Identity& identity) {
  return nvml::key_of_host(where.proc_root, identity.version, identity.gpus);
}

// Nothing is lost where it cannot be kept but the time to ask again.
void keep(const driver::Where& where, const std::string& key, const std::string& document) {
  const auto identity = driver::identify(where);
  if (!identity) return;
  const auto now = key_of(where, *identity);
  if (now && nvml::same_but_for_unknown_uuids(key, *now))
    (void)nvml::remember(nvml::kFactsParent, *now, document);
}

nvml::Question question_of(const config::Settings& settings, std::string library) {
  nvml::Question question;
  question.program = settings.nvml.probe;
  question.deadline = settings.nvml.deadline;
  question.nvml = std::move(library);
  return question;
}

// Why it is not asked now, though it is needed; empty: it is.
std::string silence_of(const driver::Where& where, const driver::Identity& identity) {
  const auto key = key_of(where, identity);
  const auto ago = key ? nvml::recall_silence(nvml::kFactsParent, *key) : std::nullopt;
  if (!ago) return {};
  return "NVML did not answer in time " + std::to_string(ago->count()) +
         " s ago, and is asked again " + std::to_string((nvml::kSilence - *ago).count()) +
         " s from now, or by nvhook info --nvml";
}

// What it calls the MIG devices of a GPU.
void add_mig_names(const driver::Gpu& gpu, const nvml::Mig& mig,
                   std::vector<driver::MigName>& names) {
  for (const auto& device : mig.devices)
    names.push_back({.gpu = gpu.index,
                     .index = device.index,
                     .gpu_instance = device.gpu_instance,
                     .compute_instance = device.compute_instance,
                     .uuid = device.uuid});
}

}  // namespace

Result<nvml::Nvml> ask_nvml(const driver::Where& where, const config::Settings& settings) {
  const auto identity = driver::identify(where);
  if (!identity) return std::unexpected(identity.error());
  const auto key = key_of(where, *identity);
  if (!key) return std::unexpected(key.error());
  if (auto known = nvml::recall(nvml::kFactsParent, *key)) return std::move(*known);
  auto library = find_library(where);
  if (!library) return std::unexpected(std::move(library).error());
  auto answer = nvml::ask(question_of(settings, std::move(*library)));
  if (!answer && answer.error().id() == ErrorId::NvmlTimeout)
    (void)nvml::remember_silence(nvml::kFactsParent, *key);
  if (!answer) return std::unexpected(std::move(answer).error());
  if (nvml::is_whole(answer->nvml, *key)) keep(where, *key, answer->document);
  return std::move(answer->nvml);
}

FromNvml ask_nvml_if_needed(const request::Request& request, const config::Settings& settings,
                            const sandbox::Phases& phases) {
  if (!phases.expects_program()) return {};
  const auto where = where_of(settings);
  const auto identity = driver::identify(where);
  if (!identity || !plan::nvml_needed(request, identity->version, identity->gpus)) return {};
  if (auto silence = silence_of(where, *identity); !silence.empty())
    return {.facts = {}, .silence = std::move(silence)};
  auto nvml = ask_nvml(where, settings);
  if (!nvml) return {.facts = {}, .silence = nvml.error().text()};
  return {.facts = std::move(*nvml), .silence = {}};
}

void add_to(driver::Driver& driver, FromNvml&& said) {
  driver.nvml_silence = std::move(said.silence);
  if (!said.facts) return;
  driver.cuda = std::move(said.facts->cuda);
  std::vector<driver::MigName> mig_names;
  for (auto& gpu : driver.gpus) {
    const auto same = std::ranges::find(said.facts->gpus, gpu.bus, &nvml::Gpu::bus);
    if (same == said.facts->gpus.end()) continue;
    gpu.brand = same->brand;
    gpu.arch = same->arch;
    add_mig_names(gpu, same->mig, mig_names);
    if (gpu.uuid.contains('?') && same->uuid) gpu.uuid = *same->uuid;
    if (driver.nvml_silence.empty() && same->error && (!gpu.brand || !gpu.arch))
      driver.nvml_silence = "GPU " + std::to_string(gpu.index) + ": " + same->error->call + ": " +
                            std::string(nvml::name_of_code(same->error->code));
  }
  driver.mig_names = std::move(mig_names);
}

}  // namespace nvhook
