// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "journal.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/cgroup/devices.hpp"
#include "nvhook/config/settings.hpp"
#include "nvhook/container/facts.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"
#include "nvhook/container/rootfs.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/plan/plan.hpp"
#include "nvhook/request/request.hpp"
#include "nvhook/sandbox/phases.hpp"
#include "read_spec.hpp"

namespace nvhook {

// Where the driver is to be looked for.
[[nodiscard]] driver::Where where_of(const config::Settings& settings);

// What of it the request needs. Instances of GPUs come with each GPU.
[[nodiscard]] driver::Wanted wanted_by(const request::Request& request);

// A settled plan, but for the bytes of the loader's file, and the descriptors to carry it out with.
struct Prepared {
  plan::Plan plan;
  container::Libc libc = container::Libc::None;  // for take_loader_file()
  container::Rootfs rootfs;
  UniqueFd root_lock;  // of a container's root: lock_root()
  container::Procfs procfs;
  std::optional<container::Process> process;   // none: a dry run of a bundle
  std::optional<cgroup::DeviceCgroup> cgroup;  // with a process
  std::vector<oci::DeviceRule> device_rules;   // of config.json
  bool grants_devices = true;  // false: the device cgroup is left alone, and counts as none
};

struct EarlyPin;  // pin.hpp

// From a container's description to a plan: what does it ask for, who is it, what has the host,
// what does the container look like; `parser` reads what else is hostile, and still works at the
// loader's file, for take_loader_file(), when this returns. Reads only; dry run and
// hook share every step of it. Begins the phases from Pin to Survey; `early` is what was pinned
// before. For a container whose root
// file system may not answer it returns in another process: see supervise.hpp.
[[nodiscard]] Result<std::variant<request::NothingAsked, Prepared>> prepare(
    const Spec& spec, std::optional<EarlyPin> early, PendingSpec& parser,
    const config::Settings& settings, sandbox::Phases& phases, Journal& journal);

}  // namespace nvhook
