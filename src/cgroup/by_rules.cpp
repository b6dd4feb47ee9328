// SPDX-License-Identifier: Apache-2.0
#include "by_rules.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::cgroup {
namespace {

constexpr std::size_t kMaxListBytes = std::size_t{1} << 20U;

// One line of devices.list: "c 195:* rw".
struct Rule {
  char type = 'a';                     // 'a', 'b', 'c'
  std::optional<std::uint32_t> major;  // none: "*"
  std::optional<std::uint32_t> minor;
  bool read = false;
  bool write = false;

  [[nodiscard]] bool is_about(DeviceNumber device) const {
    return type != 'b' && (!major || *major == device.major) && (!minor || *minor == device.minor);
  }
};

// Takes a number or "*" off the front; false if neither is there.
bool take_number(std::string_view& line, std::optional<std::uint32_t>& number) {
  if (line.starts_with('*')) {
    line.remove_prefix(1);
    return true;
  }
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc()) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  number = value;
  return true;
}

bool take(std::string_view& line, char expected) {
  if (!line.starts_with(expected)) return false;
  line.remove_prefix(1);
  return true;
}

std::optional<Rule> parse_rule(std::string_view line) {
  Rule rule;
  if (line.empty()) return std::nullopt;
  rule.type = line.front();
  line.remove_prefix(1);
  if (rule.type != 'a' && rule.type != 'b' && rule.type != 'c') return std::nullopt;
  if (!take(line, ' ') || !take_number(line, rule.major) || !take(line, ':') ||
      !take_number(line, rule.minor) || !take(line, ' '))
    return std::nullopt;
  rule.read = line.contains('r');
  rule.write = line.contains('w');
  return rule;
}

// The kernel merges what is allowed into the rule for the very device, and denying takes it out
// again: what that rule had must not be in it. Source: security/device_cgroup.c, dev_exception_add
// and dev_exception_rm.
Lack exactly(const std::vector<Rule>& rules, Lack lack) {
  for (const auto& rule : rules) {
    if (rule.type != 'c' || rule.major != lack.device.major || rule.minor != lack.device.minor)
      continue;
    lack.read = lack.read && !rule.read;
    lack.write = lack.write && !rule.write;
  }
  return lack;
}

Result<UniqueFd> open_rules(const DeviceCgroup& cgroup, const char* file) {
  auto fd = files::open_at(cgroup.directory.get(), file, O_WRONLY, files::Lookup::SameMount);
  if (!fd) return std::unexpected(std::move(fd).error().within(cgroup.path).as(ErrorId::Cgroup));
  return fd;
}

// The kernel takes one rule per write.
Result<void> write_rule(const DeviceCgroup& cgroup, const char* file, int fd, const Lack& lack) {
  const auto rule = "c " + std::to_string(lack.device.major) + ":" +
                    std::to_string(lack.device.minor) + " " + (lack.read ? "r" : "") +
                    (lack.write ? "w" : "");
  if (::write(fd, rule.data(), rule.size()) == static_cast<ssize_t>(rule.size())) return {};
  auto action = "write \"" + rule + "\" to " + cgroup.path + "/" + file;
  if (errno == EPERM) action += " (a parent cgroup does not allow the device)";
  return system_failure(ErrorId::Cgroup, std::move(action));
}

}  // namespace

Result<std::vector<Lack>> lacking(std::string_view list, const std::vector<DeviceNumber>& wanted) {
  std::vector<Rule> rules;
  while (!list.empty()) {
    const auto line = list.substr(0, list.find('\n'));
    list.remove_prefix(std::min(line.size() + 1, list.size()));
    const auto rule = parse_rule(line);
    if (!rule) return failure(ErrorId::Cgroup, "devices.list has a line " + quote(line));
    rules.push_back(*rule);
  }
  std::vector<Lack> missing;
  for (const auto device : wanted) {
    Lack lack{.device = device, .read = true, .write = true};
    for (const auto& rule : rules) {
      if (!rule.is_about(device)) continue;
      // Each rule stands for itself: the kernel looks for one that has all that is asked for.
      if (rule.read && rule.write) lack.read = lack.write = false;
    }
    lack = exactly(rules, lack);
    if ((lack.read || lack.write) &&
        std::ranges::find(missing, device, &Lack::device) == missing.end())
      missing.push_back(lack);
  }
  return missing;
}

Result<std::vector<Lack>> add_rules(const DeviceCgroup& cgroup,
                                    const std::vector<DeviceNumber>& devices) {
  auto list = files::read_kernel_file(cgroup.directory.get(), "devices.list", kMaxListBytes);
  if (!list)
    return std::unexpected(std::move(list).error().within(cgroup.path).as(ErrorId::Cgroup));
  auto missing = lacking(*list, devices);
  if (!missing || missing->empty()) return missing;
  const auto file = open_rules(cgroup, "devices.allow");
  if (!file) return std::unexpected(Error(file.error()));
  std::vector<Lack> added;
  added.reserve(missing->size());  // what is allowed is known without asking for memory
  try {
    for (const auto& lack : *missing) {
      if (auto done = write_rule(cgroup, "devices.allow", file->get(), lack); !done) {
        // The first failure is the story; what follows can only fail the same way.
        (void)remove_rules(cgroup, added);
        return std::unexpected(std::move(done).error());
      }
      added.push_back(lack);
    }
  } catch (...) {  // out of memory for the story
    (void)remove_rules(cgroup, added);
    throw;
  }
  return added;
}

Result<void> remove_rules(const DeviceCgroup& cgroup, const std::vector<Lack>& added) {
  Result<void> result;
  for (const auto& lack : added) {
    try {
      const auto file = open_rules(cgroup, "devices.deny");
      auto done = file ? write_rule(cgroup, "devices.deny", file->get(), lack)
                       : Result<void>(std::unexpected(Error(file.error())));
      if (!done && result) result = std::move(done);
    } catch (const std::bad_alloc&) {  // the next one may find memory
      if (result) result = failure(ErrorId::Cgroup, {});
    }
  }
  return result;
}

}  // namespace nvhook::cgroup
