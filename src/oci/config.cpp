// SPDX-License-Identifier: Apache-2.0
#include "nvhook/oci/config.hpp"

#include <algorithm>
#include <limits>

#include "fill.hpp"
#include "nvhook/base/quote.hpp"
#include "room.hpp"
#include "rules.hpp"
#include "words.hpp"

namespace nvhook::oci {
namespace {

using json::Type;

struct Draft : Config {
  Room room;
  bool has_flat_capabilities = false;
  std::span<const std::string> more_names;
};

using Place = json::Place<Draft>;

constexpr Place kRoot[] = {
    {.key = "path", .type = Type::Text, .take = json::set<&Draft::root_path>},
    {.key = "readonly", .type = Type::Boolean, .take = json::set<&Draft::root_readonly>},
};

bool is_among(std::string_view name, std::span<const std::string> names) {
  return std::ranges::find(names, name) != names.end();
}

Result<void> keep_variable(Draft& draft, const json::Scalar& value) {
  if (!value.text.contains('='))
    return failure(ErrorId::StateField, quote(value.text) + " has no \"=\"");
  const bool counts = has_gpu_word(value.text) ||
                      is_among(value.text.substr(0, value.text.find('=')), draft.more_names);
  return counts ? json::append<&Draft::env>(draft, value) : Result<void>();
}

constexpr Place kEnvEntry[] = {{.type = Type::Text, .take = keep_variable}};

// Some runtimes take names in any case (crun, by cap_from_name(3)).
Result<void> note_capability(Draft& draft, const json::Scalar& value) {
  draft.sys_admin = draft.sys_admin || json::same_but_for_case(value.text, "CAP_SYS_ADMIN");
  return {};
}

Result<void> add_bounding_capability(Draft& draft, const json::Scalar& value) {
  if (auto kept = json::append<&Draft::bounding_capabilities>(draft, value); !kept) return kept;
  return note_capability(draft, value);
}

constexpr Place kBoundingCapability[] = {{.type = Type::Text, .take = add_bounding_capability}};
constexpr Place kCapability[] = {{.type = Type::Text, .take = note_capability}};
constexpr Place kCapabilitySets[] = {
    {.key = "bounding", .type = Type::Array, .inside = kBoundingCapability},
    {.key = "effective", .type = Type::Array, .inside = kCapability},
    {.key = "permitted", .type = Type::Array, .inside = kCapability},
    {.key = "inheritable", .type = Type::Array, .inside = kCapability},
    {.key = "ambient", .type = Type::Array, .inside = kCapability},
};

constexpr Place kProcess[] = {
    {.key = "env", .type = Type::Array, .inside = kEnvEntry},
    {.key = "capabilities", .type = Type::Object, .inside = kCapabilitySets},
    {.key = "capabilities",
     .type = Type::Array,
     .begin = [](Draft& draft) -> Result<void> {
       draft.has_flat_capabilities = true;
       return {};
     },
     .inside = kBoundingCapability},
};

constexpr Place kMountOption[] = {
    {.type = Type::Text, .take = json::append_last<&Draft::mounts, &Mount::options>}};
constexpr Place kMountMembers[] = {
    {.key = "destination",
     .type = Type::Text,
     .take = json::set_last<&Draft::mounts, &Mount::destination>},
    {.key = "type", .type = Type::Text, .take = json::set_last<&Draft::mounts, &Mount::type>},
    {.key = "source", .type = Type::Text, .take = json::set_last<&Draft::mounts, &Mount::source>},
    {.key = "options", .type = Type::Array, .inside = kMountOption},
};
constexpr Place kMount[] = {
    {.type = Type::Object, .begin = json::grow<&Draft::mounts>, .inside = kMountMembers}};

constexpr Place kNamespaceMembers[] = {
    {.key = "type",
     .type = Type::Text,
     .take = json::set_last<&Draft::namespaces, &Namespace::type>},
    {.key = "path",
     .type = Type::Text,
     .take = json::set_last<&Draft::namespaces, &Namespace::path>},
};
constexpr Place kNamespace[] = {
    {.type = Type::Object, .begin = json::grow<&Draft::namespaces>, .inside = kNamespaceMembers}};

template <auto kList>
constexpr Place kMappingMembers[] = {
    {.key = "containerID",
     .type = Type::Integer,
     .take = json::set_last<kList, &IdMapping::container_id>},
    {.key = "hostID", .type = Type::Integer, .take = json::set_last<kList, &IdMapping::host_id>},
    {.key = "size", .type = Type::Integer, .take = json::set_last<kList, &IdMapping::size>},
};
template <auto kList>
constexpr Place kMapping[] = {
    {.type = Type::Object, .begin = json::grow<kList>, .inside = kMappingMembers<kList>}};

// -1 stands for any number, as an absent one does (runc, libcontainer/devices.Wildcard).
template <auto kNumber>
Result<void> set_device_number(Draft& draft, const json::Scalar& value) {
  constexpr std::int64_t kAny = -1;
  if (value.integer < kAny || value.integer > std::numeric_limits<std::uint32_t>::max())
    return failure(ErrorId::StateField, std::to_string(value.integer) + " is out of range");
  if (value.integer != kAny) draft.device_rules.back().*kNumber = value.integer;
  return {};
}

constexpr Place kDeviceRuleMembers[] = {
    {.key = "allow",
     .type = Type::Boolean,
     .take = json::set_last<&Draft::device_rules, &DeviceRule::allow>},
    {.key = "type",
     .type = Type::Text,
     .take = json::set_last<&Draft::device_rules, &DeviceRule::type>},
    {.key = "major", .type = Type::Integer, .take = set_device_number<&DeviceRule::major>},
    {.key = "minor", .type = Type::Integer, .take = set_device_number<&DeviceRule::minor>},
    {.key = "access",
     .type = Type::Text,
     .take = json::set_last<&Draft::device_rules, &DeviceRule::access>},
};
constexpr Place kDeviceRule[] = {{.type = Type::Object,
                                  .begin = json::grow<&Draft::device_rules>,
                                  .inside = kDeviceRuleMembers}};
constexpr Place kResources[] = {{.key = "devices", .type = Type::Array, .inside = kDeviceRule}};

constexpr Place kLinux[] = {
    {.key = "mountLabel", .type = Type::Text, .take = json::set<&Draft::mount_label>},
    {.key = "cgroupsPath", .type = Type::Text, .take = json::set<&Draft::cgroups_path>},
    {.key = "namespaces", .type = Type::Array, .inside = kNamespace},
    {.key = "uidMappings", .type = Type::Array, .inside = kMapping<&Draft::uid_mappings>},
    {.key = "gidMappings", .type = Type::Array, .inside = kMapping<&Draft::gid_mappings>},
    {.key = "resources", .type = Type::Object, .inside = kResources},
};

constexpr Place kMembers[] = {
    {.key = "ociVersion", .type = Type::Text, .take = json::set<&Draft::oci_version>},
    {.key = "root", .type = Type::Object, .inside = kRoot},
    {.key = "process", .type = Type::Object, .inside = kProcess},
    {.key = "mounts", .type = Type::Array, .inside = kMount},
    {.key = "linux", .type = Type::Object, .inside = kLinux},
};

constexpr Place kDocument = {.type = Type::Object, .inside = kMembers};

// Whether process.capabilities is one list in documents of this version: 1.0.0-rc1 to rc4.
// Source: runtime-spec, release notes of v1.0.0-rc5.
bool has_flat_capabilities(std::string_view version) {
  constexpr std::string_view kCandidate = "1.0.0-rc";
  if (!version.starts_with(kCandidate)) return false;
  version.remove_prefix(kCandidate.size());
  return !version.empty() && version[0] >= '1' && version[0] <= '4' &&
         (version.size() == 1 || version[1] == '-');
}

std::unexpected<Error> bad_field(std::string field, std::string_view why) {
  return failure(ErrorId::StateField, std::move(field) + ": " + std::string(why));
}

std::string element(std::string_view list, std::size_t index, std::string_view member) {
  return std::string(list) + "[" + std::to_string(index) + "]" + std::string(member);
}

bool is_subset_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == text.npos;
}

}  // namespace

Result<void> check(const Config& config) {
  if (config.oci_version.empty()) return bad_field("ociVersion", "is missing or empty");
  if (config.root_path.empty()) return bad_field("root.path", "is missing or empty");
  for (std::size_t i = 0; i < config.env.size(); ++i)
    if (!config.env[i].contains('='))
      return bad_field(element("process.env", i, ""), quote(config.env[i]) + " has no \"=\"");
  for (std::size_t i = 0; i < config.mounts.size(); ++i)
    if (config.mounts[i].destination.empty())
      return bad_field(element("mounts", i, ".destination"), "is missing or empty");
  for (std::size_t i = 0; i < config.namespaces.size(); ++i)
    if (config.namespaces[i].type.empty())
      return bad_field(element("linux.namespaces", i, ".type"), "is missing or empty");
  for (std::size_t i = 0; i < config.device_rules.size(); ++i) {
    const auto& rule = config.device_rules[i];
    if (rule.type.size() > 1 || !is_subset_of(rule.type, "abc"))
      return bad_field(element("linux.resources.devices", i, ".type"),
                       quote(rule.type) + " is none of a, b, c");
    if (!is_subset_of(rule.access, "rwm"))
      return bad_field(element("linux.resources.devices", i, ".access"),
                       quote(rule.access) + " is not made of r, w, m");
  }
  return {};
}

Result<Config> parse_config(std::string_view text, std::span<const std::string> more_names) {
  constexpr std::string_view kStep = "config.json";
  if (text.size() > kMaxConfigBytes)
    return failure(ErrorId::StateLimit,
                   "config.json: longer than " + std::to_string(kMaxConfigBytes) + " bytes");
  Draft draft;
  draft.more_names = more_names;
  json::Filler filler(draft, kDocument);
  if (auto walked = json::walk(text, filler); !walked) return failed_to(kStep, std::move(walked));
  if (draft.has_flat_capabilities && !has_flat_capabilities(draft.oci_version))
    return bad_field("config.json: process.capabilities", "is an array, an object is due");
  Config config = std::move(draft);
  if (auto checked = check(config); !checked) return failed_to(kStep, std::move(checked));
  return config;
}

}  // namespace nvhook::oci
