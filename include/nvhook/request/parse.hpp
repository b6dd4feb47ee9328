// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "nvhook/base/capability.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/oci/config.hpp"
#include "nvhook/request/request.hpp"

namespace nvhook::request {

// The policy by which requests are read. It is the host's, never the container's.
struct Rules {
  // Whether a container without CAP_SYS_ADMIN in its bounding set may ask for devices by variables
  // of its environment, which its image may have set.
  bool accept_environment_when_unprivileged = true;
  bool accept_volume_mounts = false;
  // Names of variables: those of them that are set count instead of NVIDIA_VISIBLE_DEVICES. Such
  // entries are in Config::env only if oci::parse_config is told so.
  std::vector<std::string> swarm_resources{};
  Capabilities supported_capabilities = Capabilities::all();
  bool disable_require = false;
  bool ignore_imex_channels = false;
};

struct Parsed {
  std::variant<NothingAsked, Request> asked;
  std::vector<Warning> warnings{};  // W_REQ_UNTRUSTED, W_REQ_IGNORED
};

// Reads what the container asks for out of its environment, its mounts and its bounding set. Of a
// variable that repeats, the last entry counts. Lists have commas; blanks around an item and empty
// items do not count.
//
// Devices: by mounts of /dev/null below /var/run/nvidia-container-devices if the rules accept them
// and there is one; else by the environment, if the container is privileged or the rules accept
// that. There "void" anywhere stands for nothing, and of the words all (in any case) and none the
// first one decides for the whole list. A legacy image, with a CUDA_VERSION and without or with an
// empty NVIDIA_REQUIRE_CUDA, asks for all GPUs and all capabilities where these are unset, and
// demands a driver for its CUDA_VERSION.
//
// Capabilities that are unset or empty are utility and compute, as far as they are supported.
// Demands are the values of NVIDIA_REQUIRE_*, but not of NVIDIA_REQUIRE_JETPACK*; there are none
// where NVIDIA_DISABLE_REQUIRE or the rules say so.
//
// Whether the host has such devices, and what is demanded, is not asked here. Pure. Fails with
// E_REQ_DEVICE (an item that names no device, or a CDI device), E_REQ_CAPABILITY (an item that is
// no capability, or not a supported one), E_REQ_REQUIREMENT (more than kMaxDemands, a CUDA_VERSION
// that is none), E_REQ_MIG, E_REQ_IMEX; more than 4096 items or 256 KiB in a value fail likewise.
// Source: nvidia-container-toolkit, internal/config/image and cmd/nvidia-container-runtime-hook.
[[nodiscard]] Result<Parsed> parse(const oci::Config& config, const Rules& rules);

}  // namespace nvhook::request
