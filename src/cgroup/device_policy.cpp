// SPDX-License-Identifier: Apache-2.0
#include "device_policy.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

namespace nvhook::cgroup {
namespace {

using Number = std::optional<std::uint32_t>;

// Each rule is compared with those before it.
constexpr std::size_t kMaxRules = 1024;

constexpr DeviceException character(Number major, Number minor, std::uint8_t access) {
  return {.type = DeviceType::Character, .major = major, .minor = minor, .access = access};
}

// Those of runc and crun alike: runc 1.1 has /dev/net/tun besides, crun has /dev/console.
constexpr std::array kEachRuntimes = {
    DeviceException{.type = DeviceType::Block, .major = {}, .minor = {}, .access = kMknod},
    character({}, {}, kMknod),
    character(1, 3, kAllAccess),    // null
    character(1, 5, kAllAccess),    // zero
    character(1, 7, kAllAccess),    // full
    character(1, 8, kAllAccess),    // random
    character(1, 9, kAllAccess),    // urandom
    character(5, 0, kAllAccess),    // tty
    character(5, 2, kAllAccess),    // ptmx
    character(136, {}, kAllAccess)  // /dev/pts
};

std::uint8_t access_of(const oci::DeviceRule& rule) {
  std::uint8_t access = 0;
  for (const char letter : rule.access) {
    if (letter == 'm') access |= kMknod;
    if (letter == 'r') access |= kRead;
    if (letter == 'w') access |= kWrite;
  }
  return access;
}

bool is_about_all_types(const oci::DeviceRule& rule) {
  return rule.type.empty() || rule.type == "a";
}

std::unexpected<Error> unclear(std::size_t index, const std::string& why) {
  return failure(ErrorId::Cgroup,
                 "linux.resources.devices[" + std::to_string(index) + "] of config.json " + why);
}

// None: a number that no device has.
std::optional<DeviceException> exception_of(const oci::DeviceRule& rule) {
  DeviceException exception;
  exception.type = rule.type == "b" ? DeviceType::Block : DeviceType::Character;
  exception.access = access_of(rule);
  for (const auto& [from, to] :
       {std::pair{&rule.major, &exception.major}, {&rule.minor, &exception.minor}}) {
    if (!*from) continue;
    if (**from < 0 || **from > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    *to = static_cast<std::uint32_t>(**from);
  }
  return exception;
}

bool same_devices(const DeviceException& one, const DeviceException& other) {
  return one.type == other.type && one.major == other.major && one.minor == other.minor;
}

// Whether some of the one's devices are among the other's.
bool overlap(const DeviceException& one, const DeviceException& other) {
  const auto meet = [](const Number& a, const Number& b) { return !a || !b || *a == *b; };
  return one.type == other.type && meet(one.major, other.major) && meet(one.minor, other.minor);
}

void add(DevicePolicy& policy, const DeviceException& exception) {
  for (auto& known : policy.exceptions)
    if (same_devices(known, exception)) {
      known.access |= exception.access;
      return;
    }
  policy.exceptions.push_back(exception);
}

// False if it would be a part of another exception's devices.
bool remove(DevicePolicy& policy, const DeviceException& exception) {
  for (auto& known : policy.exceptions) {
    if (same_devices(known, exception))
      known.access &= static_cast<std::uint8_t>(~exception.access);
    else if (overlap(known, exception) && (known.access & exception.access) != 0)
      return false;
  }
  std::erase_if(policy.exceptions, [](const auto& known) { return known.access == 0; });
  return true;
}

}  // namespace

Result<DevicePolicy> policy_of(std::span<const oci::DeviceRule> rules) {
  if (rules.size() > kMaxRules)
    return failure(ErrorId::Cgroup, "config.json has more than " + std::to_string(kMaxRules) +
                                        " rules in linux.resources.devices");
  DevicePolicy policy;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    if (is_about_all_types(rule)) {
      // runc lets such a rule be about all devices and accesses whatever else it says.
      const bool everything = !rule.major && !rule.minor && access_of(rule) == kAllAccess;
      if (rule.allow && !everything)
        return unclear(i, "allows some devices of all types, which runtimes read differently");
      policy = {.allows = rule.allow, .exceptions = {}};
      continue;
    }
    const auto exception = exception_of(rule);
    if (!exception) continue;
    if (rule.allow != policy.allows)
      add(policy, *exception);
    else if (!remove(policy, *exception))
      return unclear(i, "takes something out of what another rule is about");
  }
  for (const auto& exception : kEachRuntimes)
    if (!policy.allows)
      add(policy, exception);
    else
      (void)remove(policy, exception);  // forbidden by a wider rule: it stays so
  return policy;
}

}  // namespace nvhook::cgroup
