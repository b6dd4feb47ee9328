// SPDX-License-Identifier: Apache-2.0
#include "keys.hpp"

#include <array>
#include <utility>

namespace nvhook::config {
namespace {

// Each as of its enum.
constexpr std::array<std::string_view, 2> kLayout = {"system", "tree"};
constexpr std::array<std::string_view, 2> kCudaCompat = {"auto", "off"};
constexpr std::array<std::string_view, 3> kProcfs = {"view", "params", "none"};

using Texts = std::vector<std::string>;

constexpr Key kKeys[] = {
    {"roots", "driver", PathOf{[](Settings& s) -> std::string& { return s.roots.driver; }}},
    {"roots", "dev", PathOf{[](Settings& s) -> std::string& { return s.roots.dev; }, true}},
    {"roots", "proc", PathOf{[](Settings& s) -> std::string& { return s.roots.proc; }}},
    {"roots", "sys", PathOf{[](Settings& s) -> std::string& { return s.roots.sys; }}},

    {"search", "libraries", PathsOf{[](Settings& s) -> Texts& { return s.search.libraries; }}},
    {"search", "programs", PathsOf{[](Settings& s) -> Texts& { return s.search.programs; }}},
    {"search", "nodes", PathOf{[](Settings& s) -> std::string& { return s.search.nodes; }}},

    {"requests", "accept_environment_when_unprivileged",
     FlagOf([](Settings& s) -> bool& { return s.requests.accept_environment_when_unprivileged; })},
    {"requests", "accept_volume_mounts",
     FlagOf([](Settings& s) -> bool& { return s.requests.accept_volume_mounts; })},
    {"requests", "swarm_resources",
     NamesOf{[](Settings& s) -> Texts& { return s.requests.swarm_resources; }}},
    {"requests", "supported_capabilities", CapabilitiesOf([](Settings& s) -> Capabilities& {
       return s.requests.supported_capabilities;
     })},
    {"requests", "disable_require",
     FlagOf([](Settings& s) -> bool& { return s.requests.disable_require; })},
    {"requests", "ignore_imex_channels",
     FlagOf([](Settings& s) -> bool& { return s.requests.ignore_imex_channels; })},

    {"container", "layout",
     WordOf{kLayout,
            [](const Settings& s) -> std::size_t { return std::to_underlying(s.container.layout); },
            [](Settings& s, std::size_t position) {
              s.container.layout = static_cast<Layout>(position);
            }}},
    {"container", "cuda_compat",
     WordOf{kCudaCompat,
            [](const Settings& s) -> std::size_t {
              return std::to_underlying(s.container.cuda_compat);
            },
            [](Settings& s, std::size_t position) {
              s.container.cuda_compat = static_cast<CudaCompat>(position);
            }}},
    {"container", "procfs",
     WordOf{kProcfs,
            [](const Settings& s) -> std::size_t { return std::to_underlying(s.container.procfs); },
            [](Settings& s, std::size_t position) {
              s.container.procfs = static_cast<ProcfsView>(position);
            }}},
    {"container", "mps_directory",
     PathOf{[](Settings& s) -> std::string& { return s.container.mps_directory; }, true}},
    {"container", "persistenced_socket",
     FlagOf([](Settings& s) -> bool& { return s.container.persistenced_socket; })},
    {"container", "fabricmanager_socket",
     FlagOf([](Settings& s) -> bool& { return s.container.fabricmanager_socket; })},
    {"container", "firmware", FlagOf([](Settings& s) -> bool& { return s.container.firmware; })},
    {"container", "cgroups", FlagOf([](Settings& s) -> bool& { return s.container.cgroups; })},

    {"nvml", "probe", PathOf{[](Settings& s) -> std::string& { return s.nvml.probe; }, true}},
    {"nvml", "deadline",
     SecondsOf([](Settings& s) -> std::chrono::milliseconds& { return s.nvml.deadline; })},

    {"companion", "rest", FlagOf([](Settings& s) -> bool& { return s.companion.rest; })},
    {"companion", "volumes", FlagOf([](Settings& s) -> bool& { return s.companion.volumes; })},
    {"companion", "listen",
     AddressOf{[](Settings& s) -> std::string& { return s.companion.listen; }}},
    {"companion", "listen_insecure",
     FlagOf([](Settings& s) -> bool& { return s.companion.listen_insecure; })},
    {"companion", "allowed_hosts",
     HostsOf{[](Settings& s) -> Texts& { return s.companion.allowed_hosts; }}},
    {"companion", "processes", FlagOf([](Settings& s) -> bool& { return s.companion.processes; })},
    {"companion", "store", PathOf{[](Settings& s) -> std::string& { return s.companion.store; }}},
    {"companion", "links", FlagOf([](Settings& s) -> bool& { return s.companion.links; })},
    {"companion", "socket_directory",
     PathOf{[](Settings& s) -> std::string& { return s.companion.socket_directory; }}},
    {"companion", "spec_file",
     PathOf{[](Settings& s) -> std::string& { return s.companion.spec_file; }, true}},

    {"log", "file", PathOf{[](Settings& s) -> std::string& { return s.log.file; }, true}},
};

}  // namespace

std::span<const Key> all_keys() { return kKeys; }

}  // namespace nvhook::config
