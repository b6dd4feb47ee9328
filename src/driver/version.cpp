// SPDX-License-Identifier: Apache-2.0
#include "driver/version.hpp"

#include <algorithm>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::driver {
namespace {

constexpr std::size_t kMaxVersionFile = 4096;  // two lines of 100 bytes
constexpr std::size_t kMaxVersion = 32;        // "550.54.14" has nine; part of file names

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The text of `name` below the directory `root`; nothing where no such file or root is.
Result<std::optional<std::string>> read_if_there(const std::string& root, std::string_view name) {
  const auto nothing_there = [](const Error& error) {
    return error.code() == std::errc::no_such_file_or_directory ||
           error.code() == std::errc::not_a_directory;
  };
  const auto dir = files::open_host_directory(root, ErrorId::DriverRead);
  if (!dir) {
    if (nothing_there(dir.error())) return std::nullopt;
    return std::unexpected(dir.error());
  }
  auto text = files::read_file(dir->get(), name, kMaxVersionFile, files::Lookup::InRoot);
  if (text) return *std::move(text);
  if (nothing_there(text.error())) return std::nullopt;
  return std::unexpected(std::move(text).error().as(ErrorId::DriverRead).within(quote(root)));
}

// What else a machine without the module may be, with what to do; empty for a usual one.
// Source: nvidia-container-toolkit, internal/info; the kernels of WSL2 name themselves so.
std::string unserved_machine(const std::string& sys_root, const std::string& proc_root) {
  const auto has = [](const Result<std::optional<std::string>>& text, std::string_view word) {
    return text && *text && (*text)->contains(word);
  };
  if (has(read_if_there(proc_root, "sys/kernel/osrelease"), "microsoft"))
    return "; this is WSL2, whose driver is another one, which nvhook does not serve";
  const auto family = read_if_there(sys_root, "devices/soc0/family");
  if (has(family, "Tegra") || has(family, "tegra"))
    return "; this is a Tegra, whose driver has files of other names, which nvhook does not serve";
  return {};
}

}  // namespace

bool is_driver_version(std::string_view text) {
  // Three digits since driver 100 of 2006; Mesa's and GLVND's libraries count from 1.
  const auto first = std::ranges::find(text, '.');
  if (first - text.begin() < 3 || first == text.end() || text.size() > kMaxVersion) return false;
  if (!is_digit(text.back()) || text.contains("..")) return false;
  return is_digit(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.'; });
}

std::optional<std::string> version_in_nvrm_line(std::string_view text) {
  constexpr std::string_view kBefore = "Kernel Module";
  constexpr std::string_view kBlanks = " \t";
  auto line = text.substr(0, text.find('\n'));
  const auto at = line.find(kBefore);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + kBefore.size());
  while (!line.empty()) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    const auto word = line.substr(0, line.find_first_of(kBlanks));
    if (is_driver_version(word)) return std::string(word);
    line.remove_prefix(word.size());
  }
  return std::nullopt;
}

Result<std::string> find_version(const std::string& sys_root, const std::string& proc_root) {
  const auto sys_text = read_if_there(sys_root, "module/nvidia/version");
  if (!sys_text) return std::unexpected(sys_text.error());
  const auto sys_file = quote(sys_root + "/module/nvidia/version");
  if (const auto& text = *sys_text) {
    auto version = text->substr(0, text->find('\n'));
    if (is_driver_version(version)) return version;
    return failure(ErrorId::DriverRead, "driver version " + quote(version) + " in " + sys_file);
  }

  const auto proc_text = read_if_there(proc_root, "driver/nvidia/version");
  if (!proc_text) return std::unexpected(proc_text.error());
  const auto proc_file = quote(proc_root + "/driver/nvidia/version");
  if (const auto& text = *proc_text) {
    if (auto version = version_in_nvrm_line(*text)) return *std::move(version);
    return failure(ErrorId::DriverRead, "no driver version in " + proc_file);
  }
  return failure(ErrorId::DriverAbsent,
                 "no NVIDIA kernel module is loaded, neither " + sys_file + " nor " + proc_file +
                     " is there; install the driver, or load it with modprobe nvidia" +
                     unserved_machine(sys_root, proc_root));
}

}  // namespace nvhook::driver
