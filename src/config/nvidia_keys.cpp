// SPDX-License-Identifier: Apache-2.0
#include "nvidia_keys.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "nvhook/base/quote.hpp"

namespace nvhook::config {
namespace {

constexpr Ours kNothing;

Result<Heard> unserved(std::string instead) { return Unserved{std::move(instead)}; }

// "A, B" as an array of strings, without the blanks and without what is empty.
std::vector<Value> items_of(std::string_view text, const Value& value) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<Value> items;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    auto item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    item.remove_prefix(std::min(item.find_first_not_of(kBlanks), item.size()));
    item = item.substr(0, item.find_last_not_of(kBlanks) + 1);
    if (!item.empty())
      items.push_back({.kind = value.kind, .line = value.line, .content = std::string(item)});
  }
  return items;
}

Result<Heard> hear_swarm(Settings& settings, const Value& value, const Subject& subject) {
  const auto text = text_in(value, subject);
  if (!text) return std::unexpected(text.error());
  auto names = variables_in(items_of(*text, value), subject);
  if (!names) return std::unexpected(std::move(names).error());
  if (names->empty()) return Effect::None;
  settings.requests.swarm_resources = std::move(*names);
  return Effect::Set;
}

Result<Heard> hear_capabilities(Settings& settings, const Value& value, const Subject& subject) {
  const auto text = text_in(value, subject);
  if (!text) return std::unexpected(text.error());
  const auto set = capabilities_in(items_of(*text, value), subject);
  if (!set) return std::unexpected(set.error());
  settings.requests.supported_capabilities = *set;
  return Effect::Set;
}

// A path that is left to the program where it is empty.
Result<Heard> hear_path(std::string& setting, const Value& value, const Subject& subject) {
  const auto text = text_in(value, subject);
  if (!text) return std::unexpected(text.error());
  if (text->empty()) return Effect::None;
  auto path = path_in(value, subject);
  if (!path) return std::unexpected(std::move(path).error());
  setting = std::move(*path);
  return Effect::Set;
}

Result<Heard> hear_root(Settings& settings, const Value& value, const Subject& subject) {
  return hear_path(settings.roots.driver, value, subject);
}

Result<Heard> hear_debug(Settings& settings, const Value& value, const Subject& subject) {
  return hear_path(settings.log.file, value, subject);
}

Result<Heard> hear_ldcache(Settings&, const Value& value, const Subject& subject) {
  const auto text = text_in(value, subject);
  if (!text) return std::unexpected(text.error());
  if (text->empty() || *text == "/etc/ld.so.cache") return Effect::None;
  return unserved("nvhook reads etc/ld.so.cache below the driver's root");
}

// "@" stands for the host's program.
Result<Heard> hear_ldconfig(Settings&, const Value& value, const Subject& subject) {
  const auto text = text_in(value, subject);
  if (!text) return std::unexpected(text.error());
  if (text->empty() || text->starts_with('@')) return Effect::None;
  return unserved("nvhook makes the loader's cache itself, and runs nothing of an image");
}

Result<Heard> hear_environment(Settings&, const Value& value, const Subject& subject) {
  const auto* array = std::get_if<std::vector<Value>>(&value.content);
  if (array == nullptr) return wrong_type(value, subject, "an array of strings");
  if (array->empty()) return Effect::None;
  return unserved("nvhook takes no setting from an environment, and starts no program that would");
}

Result<Heard> hear_mode(Settings&, const Value& value, const Subject& subject) {
  const auto text = text_in(value, subject);
  if (!text) return std::unexpected(text.error());
  if (text->empty() || *text == "auto" || *text == "legacy") return Effect::None;
  return unserved("nvhook does what mode legacy does, not " + quote(*text));
}

// "ldconfig", "mount" and "hook" are three ways to what nvhook does by the loader's cache.
Result<Heard> hear_compat_mode(Settings& settings, const Value& value, const Subject& subject) {
  const auto text = text_in(value, subject);
  if (!text) return std::unexpected(text.error());
  if (*text == "disabled") {
    settings.container.cuda_compat = CudaCompat::Off;
    return Effect::Set;
  }
  if (text->empty() || *text == "ldconfig" || *text == "mount" || *text == "hook")
    return Effect::None;
  return unserved(quote(*text) + " is none of \"ldconfig\", \"mount\", \"hook\" and \"disabled\"");
}

constexpr std::string_view kCli = "nvidia-container-cli";
constexpr std::string_view kRuntime = "nvidia-container-runtime";
constexpr std::string_view kModeCsv = "nvidia-container-runtime.modes.csv";
constexpr std::string_view kModeCdi = "nvidia-container-runtime.modes.cdi";
constexpr std::string_view kModeJitCdi = "nvidia-container-runtime.modes.jit-cdi";
constexpr std::string_view kModeLegacy = "nvidia-container-runtime.modes.legacy";
constexpr std::string_view kHook = "nvidia-container-runtime-hook";
constexpr std::string_view kFeatures = "features";

constexpr NvidiaKey kKeys[] = {
    {"", "disable-require",
     FlagMeans{{"requests", "disable_require"},
               [](Settings& s, bool flag) {
                 s.requests.disable_require = flag;
                 return Effect::Set;
               }}},
    {"", "swarm-resource", TextMeans{{"requests", "swarm_resources"}, hear_swarm}},
    {"", "accept-nvidia-visible-devices-envvar-when-unprivileged",
     FlagMeans{{"requests", "accept_environment_when_unprivileged"},
               [](Settings& s, bool flag) {
                 s.requests.accept_environment_when_unprivileged = flag;
                 return Effect::Set;
               }}},
    {"", "accept-nvidia-visible-devices-as-volume-mounts",
     FlagMeans{{"requests", "accept_volume_mounts"},
               [](Settings& s, bool flag) {
                 s.requests.accept_volume_mounts = flag;
                 return Effect::Set;
               }}},
    {"", "supported-driver-capabilities",
     TextMeans{{"requests", "supported_capabilities"}, hear_capabilities}},

    {kCli, "root", TextMeans{{"roots", "driver"}, hear_root}},
    {kCli, "path", Unconcerned{}},
    {kCli, "environment", TextMeans{kNothing, hear_environment}},
    {kCli, "debug", TextMeans{{"log", "file"}, hear_debug}},
    {kCli, "ldcache", TextMeans{kNothing, hear_ldcache}},
    {kCli, "load-kmods", Unconcerned{}},
    {kCli, "no-pivot", Unconcerned{}},
    {kCli, "no-cgroups",
     FlagMeans{{"container", "cgroups"},
               [](Settings& s, bool flag) {
                 s.container.cgroups = !flag;
                 return Effect::Set;
               }}},
    {kCli, "user", Unconcerned{}},
    {kCli, "ldconfig", TextMeans{kNothing, hear_ldconfig}},

    {kRuntime, "debug", Unconcerned{}},
    {kRuntime, "log-level", Unconcerned{}},
    {kRuntime, "runtimes", Unconcerned{}},
    {kRuntime, "mode", TextMeans{kNothing, hear_mode}},
    {kModeCsv, "mount-spec-path", Unconcerned{}},
    {kModeCsv, "compat-container-root", Unconcerned{}},
    {kModeCdi, "default-kind", Unconcerned{}},
    {kModeCdi, "annotation-prefixes", Unconcerned{}},
    {kModeCdi, "spec-dirs", Unconcerned{}},
    {kModeJitCdi, "nvcdi-feature-flags", Unconcerned{}},
    {kModeJitCdi, "nvcdi-disable-hooks", Unconcerned{}},
    {kModeLegacy, "cuda-compat-mode", TextMeans{{"container", "cuda_compat"}, hear_compat_mode}},

    {kHook, "path", Unconcerned{}},
    {kHook, "skip-mode-detection", Unconcerned{}},
    {"nvidia-ctk", "path", Unconcerned{}},

    {kFeatures, "allow-cuda-compat-libs-from-container", Unconcerned{}},
    {kFeatures, "allow-ldconfig-from-container", Unconcerned{}},
    {kFeatures, "allow-unknown-oci-spec-fields", Unconcerned{}},
    {kFeatures, "disable-cuda-compat-lib-hook",
     FlagMeans{{"container", "cuda_compat"},
               [](Settings& s, bool flag) {
                 if (!flag) return Effect::None;
                 s.container.cuda_compat = CudaCompat::Off;
                 return Effect::Set;
               }}},
    {kFeatures, "disable-imex-channel-creation", Unconcerned{}},
    {kFeatures, "ignore-imex-channel-requests",
     FlagMeans{{"requests", "ignore_imex_channels"},
               [](Settings& s, bool flag) {
                 s.requests.ignore_imex_channels = flag;
                 return Effect::Set;
               }}},
    {kFeatures, "no-additional-gids-for-device-nodes", Unconcerned{}},
};

}  // namespace

std::span<const NvidiaKey> all_nvidia_keys() { return kKeys; }

}  // namespace nvhook::config
