// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/facts.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/nvml/document.hpp"

namespace nvhook::nvml {
namespace {

constexpr auto kDirectory = "host";
constexpr auto kFile = "nvml";
constexpr std::size_t kMaxKey = 65536;
constexpr std::size_t kMaxBootId = 64;
constexpr std::size_t kMaxInstances = 256;  // of a GPU, or of a GPU instance; there are eight
constexpr std::string_view kCapabilities = "driver/nvidia/capabilities";

Result<std::string> boot_id() {
  const auto random = files::open_host_directory("/proc/sys/kernel/random", ErrorId::Kernel);
  if (!random) return std::unexpected(random.error());
  auto text = files::read_kernel_file(random->get(), "boot_id", kMaxBootId);
  if (!text) return text;
  return text->substr(0, text->find('\n'));
}

// A line for the directory and for each directory in it, `levels` deep: "gi1 4026533000 17641...".
Result<void> add_instances(int above, const std::string& name, int levels, std::string& key) {
  const auto directory = files::open_at(above, name, O_RDONLY | O_DIRECTORY, files::Lookup::Plain);
  if (!directory) {
    const auto code = directory.error().code();
    if (code == std::errc::no_such_file_or_directory || code == std::errc::not_a_directory)
      return {};
    return std::unexpected(Error(directory.error()).as(ErrorId::DriverRead));
  }
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0)
    return system_failure(ErrorId::DriverRead, "stat " + quote(name));
  key += "mig " + name + " " + std::to_string(status.st_ino) + " " +
         std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) +
         "\n";
  if (levels == 0) return {};
  const auto names = files::names_in(directory->get(), kMaxInstances);
  if (!names) return std::unexpected(Error(names.error()).as(ErrorId::DriverRead));
  for (const auto& each : *names)
    if (each.starts_with("gi") || each.starts_with("ci"))
      if (auto added = add_instances(directory->get(), each, levels - 1, key); !added) return added;
  return {};
}

// Whether nobody but this user has made or can change it.
bool is_ours_alone(int fd, mode_t type) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == type &&
         status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::unexpected<Error> trouble(const std::string& action) {
  return system_failure(ErrorId::NvmlAnswer, action);
}

Result<UniqueFd> open_ours(int above, const char* name) {
  auto directory = files::open_at(above, name, O_RDONLY | O_DIRECTORY, files::Lookup::Plain);
  if (!directory) return directory;
  if (!is_ours_alone(directory->get(), S_IFDIR))
    return failure(ErrorId::NvmlAnswer, quote(name) + " can be changed by others");
  return directory;
}

// The directory below `parent`, which is itself made if `make` says so.
enum class Missing : std::uint8_t { Make, Fail };
Result<UniqueFd> open_directory(const std::string& parent, Missing missing) {
  if (missing == Missing::Make && ::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST)
    return trouble("make " + quote(parent));
  const auto above = files::open_host_directory(parent, ErrorId::NvmlAnswer);
  if (!above) return std::unexpected(above.error());
  if (!is_ours_alone(above->get(), S_IFDIR))
    return failure(ErrorId::NvmlAnswer, quote(parent) + " can be changed by others");
  if (missing == Missing::Make && ::mkdirat(above->get(), kDirectory, 0700) != 0 && errno != EEXIST)
    return trouble("make " + quote(kDirectory));
  return open_ours(above->get(), kDirectory);
}

Result<void> write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0) return trouble("write");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> write_file(int directory, const std::string& name, std::string_view key,
                        std::string_view document) {
  const UniqueFd file(::openat(directory, name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return trouble("make " + quote(name));
  if (auto done = write_whole(file.get(), key); !done) return done;
  if (auto done = write_whole(file.get(), "\n"); !done) return done;
  return write_whole(file.get(), document);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

Result<std::string> key_of_host(const std::string& proc_root, std::string_view driver_version,
                                std::span<const driver::Gpu> gpus) {
  auto boot = boot_id();
  if (!boot) return boot;
  auto key = "boot " + *boot + "\ndriver " + std::string(driver_version) + "\n";
  const auto proc = files::open_host_directory(proc_root, ErrorId::DriverRead);
  if (!proc) return std::unexpected(proc.error());
  for (const auto& gpu : gpus) {
    // Its last word is the UUID: see below.
    key += "gpu " + std::to_string(gpu.minor) + " " + quote(gpu.bus) + " " + quote(gpu.uuid) + "\n";
    const auto mig = std::string(kCapabilities) + "/gpu" + std::to_string(gpu.minor) + "/mig";
    if (auto added = add_instances(proc->get(), mig, 2, key); !added)
      return std::unexpected(std::move(added).error());
  }
  return key;
}

bool same_but_for_unknown_uuids(std::string_view before, std::string_view after) {
  const auto earlier = lines_of(before);
  const auto later = lines_of(after);
  if (earlier.size() != later.size()) return false;
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    if (earlier[i] == later[i]) continue;
    const auto uuid = earlier[i].rfind(' ');
    if (!earlier[i].starts_with("gpu ") || !earlier[i].substr(uuid).contains('?')) return false;
    if (earlier[i].substr(0, uuid) != later[i].substr(0, later[i].rfind(' '))) return false;
  }
  return true;
}

bool is_whole(const Nvml& nvml, std::string_view key) {
  std::size_t named = 0;
  for (const auto& gpu : nvml.gpus) {
    if (gpu.error && (!gpu.bus || !gpu.brand || !gpu.arch)) return false;
    named += gpu.mig.devices.size();
  }
  const auto compute_instances = std::ranges::count_if(
      lines_of(key), [](std::string_view line) { return line.starts_with("mig ci"); });
  return named == static_cast<std::size_t>(compute_instances);
}

std::optional<Nvml> recall(const std::string& parent, std::string_view key) {
  const auto directory = open_directory(parent, Missing::Fail);
  if (!directory) return std::nullopt;
  const auto file = files::open_at(directory->get(), kFile, O_RDONLY | O_NONBLOCK | O_NOCTTY,
                                   files::Lookup::Plain);
  if (!file || !is_ours_alone(file->get(), S_IFREG)) return std::nullopt;
  const auto text = files::read_all(file->get(), kMaxKey + kMaxDocument);
  if (!text || !text->starts_with(key) || text->size() <= key.size() || (*text)[key.size()] != '\n')
    return std::nullopt;
  auto nvml = parse(std::string_view(*text).substr(key.size() + 1));
  if (!nvml || nvml->error) return std::nullopt;
  return std::move(*nvml);
}

Result<void> remember(const std::string& parent, std::string_view key, std::string_view document) {
  if (key.size() > kMaxKey) return failure(ErrorId::NvmlAnswer, "the key is too long");
  const auto directory = open_directory(parent, Missing::Make);
  if (!directory) return std::unexpected(directory.error());
  // A run that was killed leaves it to the next one with its number.
  const auto beside = std::string(".") + kFile + "-" + std::to_string(::getpid());
  ::unlinkat(directory->get(), beside.c_str(), 0);
  auto done = write_file(directory->get(), beside, key, document);
  if (done && ::renameat(directory->get(), beside.c_str(), directory->get(), kFile) != 0)
    done = trouble("rename " + quote(beside));
  if (!done) ::unlinkat(directory->get(), beside.c_str(), 0);
  return done;
}

}  // namespace nvhook::nvml
