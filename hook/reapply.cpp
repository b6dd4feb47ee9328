// SPDX-License-Identifier: Apache-2.0
#include "reapply.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/cgroup/devices.hpp"
#include "nvhook/container/process.hpp"
#include "nvhook/container/procfs.hpp"
#include "nvhook/record/identity.hpp"
#include "nvhook/record/store.hpp"
#include "nvhook/sandbox/phases.hpp"
#include "nvhook/systemd/order.hpp"
#include "systemd_step.hpp"

namespace nvhook {
namespace {

using record::Record;
using record::Store;
using sandbox::Phase;

std::string name_of(const Reapply& what) {
  return what.id ? "container " + quote(*what.id)
                 : "process " + std::to_string(what.pid.value_or(0));
}

bool is_about(const Record& record, const Reapply& what) {
  return what.id ? record.id == *what.id : record.pid == what.pid;
}

// One at least.
Result<std::vector<Record>> find_records(const Reapply& what) {
  const auto store = Store::open(Store::Missing::Fail);
  if (!store && store.error().code() == std::errc::no_such_file_or_directory)
    return failure(ErrorId::Record,
                   "there is no record of " + name_of(what) + ", nor of any other");
  if (!store) return std::unexpected(store.error());
  const auto names = store->names();
  if (!names) return std::unexpected(names.error());
  std::vector<Record> found;
  std::optional<Error> unread;
  for (const auto& name : *names) {
    auto record = store->read(name);
    if (!record)
      unread = std::move(record).error();
    else if (is_about(*record, what))
      found.push_back(std::move(*record));
  }
  if (!found.empty()) return found;
  if (unread) return std::unexpected(std::move(*unread));
  return failure(ErrorId::Record,
                 "there is no record of " + name_of(what) + ": nvhook has given it no devices");
}

// Those whose process is still the one of the record: where no poststop hook runs, records of dead
// containers stay.
std::vector<Record> alive(std::vector<Record> records) {
  const auto procfs = container::open_procfs();
  if (!procfs) return records;
  std::erase_if(records, [&](const Record& record) {
    const auto process = container::pin(*procfs, record.pid);
    if (!process) return true;
    auto now = record::identify(*procfs, *process, {});
    if (!now) return true;
    now->cgroup = record.identity.cgroup;  // whether it is that one is another question
    return !record::difference(record.identity, *now).empty();
  });
  return records;
}

// Of several records that of the container that lives.
Result<Record> the_one_of(std::vector<Record> found, const Reapply& what) {
  if (found.size() > 1)
    if (auto living = alive(found); !living.empty()) found = std::move(living);
  if (found.size() > 1)
    return failure(ErrorId::Record, std::to_string(found.size()) + " containers are called " +
                                        name_of(what) + "; say which by --pid");
  return std::move(found.front());
}

// The device cgroup of the record's container, or a refusal if that is no more or another one by
// now.
Result<cgroup::DeviceCgroup> find_cgroup(const Record& record, SystemdStep& systemd_step) {
  const auto procfs = container::open_procfs();
  if (!procfs) return std::unexpected(procfs.error());
  const auto process = container::pin(*procfs, record.pid);
  if (!process) return std::unexpected(process.error());
  auto cgroup = cgroup::find_devices(*procfs, *process);
  if (!cgroup) return cgroup;
  const auto now = record::identify(*procfs, *process, *cgroup);
  if (!now) return std::unexpected(now.error());
  const auto difference = record::difference(record.identity, *now);
  if (!difference.empty())
    return failure(ErrorId::Record, "process " + std::to_string(record.pid) +
                                        " is not the container " + quote(record.id) +
                                        " of the record: " + difference);
  systemd_step.settle(*process);
  return cgroup;
}

// In cgroup v2 the programs are exchanged for ones that allow them all.
bool was_missing(const cgroup::Granted& granted, DeviceNumber device) {
  return !granted.programs.empty() ||
         std::ranges::find(granted.rules, device, &cgroup::Lack::device) != granted.rules.end();
}

std::vector<systemd::Node> nodes_of(const Record& record) {
  std::vector<systemd::Node> nodes;
  for (const auto& device : record.devices) nodes.push_back({device.node.value, device.number});
  return nodes;
}

// `told` is the scope that systemd has been told about; what was missing in its own program is not
// known.
std::string said(const cgroup::Granted& granted, const Record& record,
                 const std::optional<std::string>& told) {
  const auto count = std::to_string(record.devices.size());
  std::string text;
  if (told) text = "systemd lets " + *told + " have its " + count + " devices from now on\n";
  if (granted.programs.empty() && granted.rules.empty() && !told)
    return "nothing was missing: the container may open its " + count + " devices\n";
  for (const auto& device : record.devices) {
    if (!was_missing(granted, device.number)) continue;
    text += "allowed again: c " + std::to_string(device.number.major) + ":" +
            std::to_string(device.number.minor) + " rw  " + device.path.value + "\n";
  }
  return text;
}

}  // namespace

Result<std::string> reapply(const Reapply& what, Journal& journal) {
  auto systemd_step = SystemdStep::begin_early();
  sandbox::Phases phases(sandbox::Course::Hook);
  if (auto done = phases.shed(); !done) return std::unexpected(std::move(done).error());
  if (auto done = phases.begin(Phase::Request); !done)
    return std::unexpected(std::move(done).error());
  auto found = find_records(what);
  if (!found) return std::unexpected(std::move(found).error());

  if (auto done = phases.begin(Phase::Pin); !done) return std::unexpected(std::move(done).error());
  const auto record = the_one_of(std::move(*found), what);
  if (!record) return std::unexpected(record.error());
  journal.about(record->id);
  if (record->devices.empty())
    return "nothing to do: the container's device cgroup was left alone when it started\n";
  const auto cgroup = find_cgroup(*record, systemd_step);
  if (!cgroup) return std::unexpected(cgroup.error());
  if (!cgroup->directory) return "no device cgroup restricts the container\n";

  if (auto done = phases.begin(Phase::Place); !done)
    return std::unexpected(std::move(done).error());
  const auto answer = systemd_step.ask(nodes_of(*record));
  if (!answer) journal.warning(answer.error());
  const bool told = answer == systemd::Outcome::Told;
  std::vector<DeviceNumber> numbers;
  for (const auto& device : record->devices) numbers.push_back(device.number);
  journal.step("allow " + std::to_string(numbers.size()) + " devices in " + cgroup->path);
  // What the container's other devices are its config.json said when it was started: by now that
  // may be another.
  const auto granted = cgroup::allow(*cgroup, numbers, std::nullopt,
                                     told ? cgroup::Leave::OfSystemd : cgroup::Leave::None);
  if (!granted) return std::unexpected(granted.error());
  return said(*granted, *record, told ? systemd_step.scope() : std::nullopt);
}

}  // namespace nvhook
