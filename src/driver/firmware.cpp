// SPDX-License-Identifier: Apache-2.0
#include "driver/firmware.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <utility>

#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::driver {
namespace {

constexpr std::size_t kMaxNames = 64;  // gsp_ga10x.bin, gsp_tu10x.bin
constexpr auto kParameter = "module/firmware_class/parameters/path";

// The directory that somebody has named to the kernel, to be searched before all others.
Result<std::string> named_directory(const std::string& sys_root) {
  const auto sys = files::open_host_directory(sys_root, ErrorId::DriverRead);
  if (!sys && leads_nowhere(sys.error())) return std::string();
  if (!sys) return std::unexpected(sys.error());
  auto text = files::read_file(sys->get(), kParameter, kMaxPath, files::Lookup::InRoot);
  if (!text && leads_nowhere(text.error())) return std::string();
  if (!text) return text;
  const auto path = HostPath::parse(text->substr(0, text->find('\n')));
  return path ? path->value : std::string();
}

// Source: drivers/base/firmware_loader/main.c, fw_path.
Result<std::vector<std::string>> search_order(const std::string& sys_root) {
  utsname system{};
  if (::uname(&system) != 0) return system_failure(ErrorId::Kernel, "uname");
  const std::string release(static_cast<const char*>(system.release));
  std::vector<std::string> directories = {"/lib/firmware/updates/" + release,
                                          "/lib/firmware/updates", "/lib/firmware/" + release,
                                          "/lib/firmware"};
  auto named = named_directory(sys_root);
  if (!named) return std::unexpected(std::move(named).error());
  if (!named->empty()) directories.insert(directories.begin(), std::move(*named));
  return directories;
}

bool is_firmware(std::string_view name) {
  return name.starts_with("gsp") && name.ends_with(".bin");
}

}  // namespace

Result<std::vector<File>> find_firmware(HostRoot root, std::string_view version,
                                        const std::string& sys_root) {
  const auto directories = search_order(sys_root);
  if (!directories) return std::unexpected(directories.error());
  std::vector<File> found;
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(found, [&](const File& file) { return file.target.name() == name; });
  };
  for (const auto& each : *directories) {
    const auto inside = each + "/nvidia/" + std::string(version);
    const auto directory =
        files::open_at(root.fd, inside, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
    if (!directory && leads_nowhere(directory.error())) continue;
    if (!directory) return std::unexpected(directory.error());
    const auto names = files::names_in(directory->get(), kMaxNames);
    if (!names && names.error().code() == std::errc::value_too_large) continue;  // not the driver's
    if (!names) return std::unexpected(Error(names.error()));
    const auto real = files::path_of(directory->get());
    if (!real) return std::unexpected(real.error());
    for (const auto& name : *names) {
      struct stat status {};
      if (!is_firmware(name) || has(name) ||
          ::fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
          !S_ISREG(status.st_mode))
        continue;
      found.push_back({.kind = FileKind::Firmware,
                       .path = HostPath{*real} / name,
                       .target = ContainerPath{inside} / name,
                       .capabilities = {}});
    }
  }
  return found;
}

}  // namespace nvhook::driver
