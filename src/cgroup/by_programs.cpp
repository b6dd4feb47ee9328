// SPDX-License-Identifier: Apache-2.0
#include "by_programs.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "bpf.hpp"
#include "device_policy.hpp"
#include "device_program.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::cgroup {
namespace {

using bpf::Exchange;

constexpr std::string_view kNameOfSystemds = "sd_devices";
constexpr int kMaxTries = 16;  // others exchange programs, too, but not so often

// What is to be done about one attached program.
using Change = Exchanged;

bool grants_all(std::span<const bpf_insn> program, const std::vector<DeviceNumber>& devices) {
  const auto grants = grants_of(program);
  return std::ranges::all_of(devices, [&](const DeviceNumber device) {
    return std::ranges::binary_search(grants.devices, device);
  });
}

// The program, with grants in front. Fails where it cannot be had again.
Result<UniqueFd> load_again(const Program& program, const std::vector<DeviceNumber>& devices) {
  if (!can_be_loaded_again(program))
    return failure(ErrorId::Cgroup,
                   "a device program has parts that the kernel does not show as they are");
  const auto granting = with_grants(program, devices);
  if (!granting) return std::unexpected(granting.error());
  return bpf::load(*granting);
}

Result<UniqueFd> load_anew(std::span<const oci::DeviceRule> rules,
                           const std::vector<DeviceNumber>& devices) {
  const auto policy = policy_of(rules);
  if (!policy) return std::unexpected(policy.error());
  const auto granting = with_grants(program_of(*policy), devices);
  if (!granting) return std::unexpected(granting.error());
  return bpf::load(*granting);
}

std::string numbers_of(std::uint32_t id, std::size_t programs) {
  return "device program " + std::to_string(id) +
         (programs == 1 ? "" : ", one of " + std::to_string(programs));
}

// The program to put in the place of the one that is open as `before`. Empty: it does already.
Result<UniqueFd> replacement_of(int before, std::uint32_t id, std::size_t programs,
                                const std::vector<DeviceNumber>& devices, KnownRules rules) {
  const auto program = bpf::instructions_of(before);
  if (!program) return std::unexpected(program.error());
  if (*program && grants_all(**program, devices)) return UniqueFd();
  auto ours = *program ? load_again(**program, devices)
                       : Result<UniqueFd>(failure(ErrorId::Cgroup,
                                                  "the kernel does not show its instructions "
                                                  "(net.core.bpf_jit_harden)"));
  if (ours) return ours;
  // The only one is the runtime's, made from config.json. Of several we do not know which one is.
  if (programs > 1 || !rules)
    return std::unexpected(std::move(ours).error().within(numbers_of(id, programs)));
  auto anew = load_anew(*rules, devices);
  if (anew) return anew;
  auto why = std::move(ours).error().within(numbers_of(id, programs));
  return failure(ErrorId::Cgroup, why.message() + "; nor can it be made again from config.json: " +
                                      anew.error().message());
}

// Adds what has to be changed in one cgroup, loaded. False if a program has gone meanwhile.
Result<bool> prepare(int cgroup, const std::vector<DeviceNumber>& devices, KnownRules rules,
                     Leave leave, std::vector<Change>& changes) {
  const auto attached = bpf::attached_to(cgroup);
  if (!attached) return std::unexpected(attached.error());
  for (const auto id : attached->ids) {
    auto before = bpf::open_program(id);
    if (!before) return std::unexpected(std::move(before).error());
    if (!*before) return false;
    if (leave == Leave::OfSystemd && bpf::name_of((*before)->get()) == kNameOfSystemds) continue;
    auto ours = replacement_of((*before)->get(), id, attached->ids.size(), devices, rules);
    if (!ours) return std::unexpected(std::move(ours).error());
    if (*ours) changes.push_back({std::move(**before), std::move(*ours), attached->flags, cgroup});
  }
  return true;
}

Result<bool> prepare_all(const DeviceCgroup& cgroup, const std::vector<DeviceNumber>& devices,
                         KnownRules rules, Leave leave, std::vector<Change>& changes) {
  auto still_there = prepare(cgroup.directory.get(), devices, rules, leave, changes);
  if (!still_there || !*still_there || !cgroup.scope) return still_there;
  return prepare(cgroup.scope.get(), devices, rules, leave, changes);
}

// Makes the changes, or none. Nothing if a program is not attached any more.
Result<std::optional<std::vector<Exchanged>>> carry_out(std::vector<Change> changes) {
  std::vector<Exchanged> done;
  done.reserve(changes.size());  // what is done is known without asking for memory
  try {
    for (auto& [before, ours, flags, cgroup] : changes) {
      auto exchanged = bpf::exchange(cgroup, before.get(), ours.get(), flags);
      if (exchanged && *exchanged == Exchange::Done) {
        done.push_back({std::move(before), std::move(ours), flags, cgroup});
        continue;
      }
      // The first failure is the story; what follows can only fail the same way.
      (void)put_back(done);
      if (!exchanged) return std::unexpected(std::move(exchanged).error());
      return std::nullopt;
    }
  } catch (...) {  // out of memory for the story
    (void)put_back(done);
    throw;
  }
  return std::optional(std::move(done));
}

}  // namespace

Result<std::vector<Exchanged>> exchange_programs(const DeviceCgroup& cgroup,
                                                 const std::vector<DeviceNumber>& devices,
                                                 KnownRules rules, Leave leave) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    std::vector<Change> changes;
    auto still_there = prepare_all(cgroup, devices, rules, leave, changes);
    if (!still_there) return std::unexpected(std::move(still_there).error().within(cgroup.path));
    if (!*still_there) continue;
    auto done = carry_out(std::move(changes));
    if (!done) return std::unexpected(std::move(done).error().within(cgroup.path));
    if (*done) return std::move(**done);
  }
  return failure(ErrorId::Cgroup,
                 "the device programs of " + quote(cgroup.path) +
                     " cannot be exchanged: they are changed all the time, or held by a link of "
                     "bpf(2)");
}

Result<void> put_back(std::span<const Exchanged> programs) {
  Result<void> result;
  for (auto one = programs.rbegin(); one != programs.rend(); ++one) {
    auto exchanged = bpf::exchange(one->cgroup, one->ours.get(), one->before.get(), one->flags);
    if (!exchanged && result) result = std::unexpected(std::move(exchanged).error());
  }
  return result;
}

}  // namespace nvhook::cgroup
