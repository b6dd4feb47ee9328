// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"

namespace nvhook::oci {

inline constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 20U;

// What is kept of one document at most: bytes of text, and of the elements of lists. Some 8000
// mounts of a container fit.
inline constexpr std::size_t kMaxKept = std::size_t{4} << 20U;

struct Mount {
  std::string destination;
  std::string type;    // may be empty
  std::string source;  // may be empty
  std::vector<std::string> options;
  bool operator==(const Mount&) const = default;
};

struct Namespace {
  std::string type;  // "mount", "user", ...
  std::string path;  // empty: a new one
  bool operator==(const Namespace&) const = default;
};

struct IdMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
  bool operator==(const IdMapping&) const = default;
};

// One entry of linux.resources.devices. Absent type, major or minor mean "any", and so do the
// numbers -1 in the text.
struct DeviceRule {
  bool allow = false;
  std::string type;  // "a", "b", "c"; empty: any
  std::optional<std::int64_t> major;
  std::optional<std::int64_t> minor;
  std::string access;  // of "rwm"
  bool operator==(const DeviceRule&) const = default;
};

// The part of a bundle's config.json that concerns the hook.
// Source: OCI runtime-spec, config.md and config-linux.md.
struct Config {
  std::string oci_version;
  std::string root_path;  // absolute, or relative to the bundle
  bool root_readonly = false;
  // The entries "NAME=value" of process.env, in their order, that hold a word by which GPUs are
  // asked for or have a name that is given. The others are not kept: they may be many, and may be
  // secrets.
  std::vector<std::string> env;
  // process.capabilities.bounding; for the flat list of 1.0.0-rc1 to rc4, that list.
  std::vector<std::string> bounding_capabilities;
  // Whether any set of process.capabilities has CAP_SYS_ADMIN: the process then has it or, by a
  // program with capabilities of its own, can get it.
  bool sys_admin = false;
  std::vector<Mount> mounts;
  std::string mount_label;   // linux.mountLabel
  std::string cgroups_path;  // linux.cgroupsPath
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::vector<DeviceRule> device_rules;  // linux.resources.devices
  bool operator==(const Config&) const = default;
};

// Parses the whole text under the rules of parse_state, and keeps at most kMaxKept of it.
// `more_names` are names of variables by which GPUs are asked for beside NVIDIA's own. An entry of
// process.env without "=" is refused. "ociVersion", "root.path", the destination of each mount
// and the type of each namespace must be there; "process" and "linux" may be absent, an id or size
// in a mapping counts as 0. Fails with E_STATE_PARSE, E_STATE_LIMIT, E_STATE_FIELD.
[[nodiscard]] Result<Config> parse_config(std::string_view json,
                                          std::span<const std::string> more_names = {});

}  // namespace nvhook::oci
