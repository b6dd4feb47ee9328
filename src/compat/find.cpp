// SPDX-License-Identifier: Apache-2.0
#include "nvhook/compat/find.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/elf/elf.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"
#include "version.hpp"

namespace nvhook::compat {
namespace {

constexpr std::string_view kDirectory = "/usr/local/cuda/compat";
constexpr std::string_view kLibcuda = "libcuda.so.";

bool is_library_name(std::string_view name) {
  const auto is_usual = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._+-").contains(c);
  };
  return name.starts_with("lib") && name.contains(".so.") && std::ranges::all_of(name, is_usual);
}

// "575.57.08" of "libcuda.so.575.57.08"; empty for other names.
std::string_view libcuda_version(std::string_view name) {
  if (!name.starts_with(kLibcuda)) return {};
  const auto version = name.substr(kLibcuda.size());
  const auto numbers = numbers_of(version);
  return numbers && (numbers->size() == 2 || numbers->size() == 3) ? version : std::string_view();
}

// The file, if it is one of this machine's code. It is looked up below the root by its whole path:
// a link in the directory may lead to anywhere in the image.
Result<std::optional<UniqueFd>> open_library(ContainerRoot root, const ContainerPath& path) {
  auto file = files::open_regular(root.fd, path.value, files::Lookup::InRootSameMount);
  const bool none =
      !file && (leads_nowhere(file.error()) || file.error().code() == std::errc::invalid_argument);
  if (none) return std::nullopt;
  if (!file) return std::unexpected(std::move(file).error());
  std::array<std::byte, elf::kIdentityBytes> start{};
  const auto got = ::pread(file->get(), start.data(), start.size(), 0);
  if (got < 0) return system_failure(ErrorId::Kernel, "read " + quote(path.value));
  if (got != static_cast<ssize_t>(start.size())) return std::nullopt;
  const auto identity = elf::identify(start);
  if (!identity || *identity != elf::native()) return std::nullopt;
  return *std::move(file);
}

Result<std::variant<Libraries, Nothing>> look_at(ContainerRoot root, ContainerPath directory,
                                                 const std::vector<std::string>& names) {
  Libraries found;
  found.directory = std::move(directory);
  const auto where = quote(found.directory.value);
  for (const auto& name : names) {
    if (!is_library_name(name)) continue;
    auto file = open_library(root, found.directory / name);
    if (!file) return std::unexpected(std::move(file).error());
    if (!*file) continue;
    found.names.push_back(name);
    const auto version = libcuda_version(name);
    if (version.empty()) continue;
    if (!found.version.empty())
      return Nothing{where + " has libcuda of two versions, " + found.version + " and " +
                     std::string(version)};
    found.version = version;
    found.libcuda = **std::move(file);
  }
  if (found.version.empty())
    return Nothing{where + " has no libcuda.so.<version> for this machine"};
  return found;
}

}  // namespace

Result<std::variant<Libraries, Nothing>> find(ContainerRoot root) {
  const auto step = "forward compatibility";
  const auto directory =
      files::open_at(root.fd, kDirectory, O_PATH | O_DIRECTORY, files::Lookup::InRootSameMount);
  if (!directory) {
    const auto& error = directory.error();
    if (error.code() == std::errc::no_such_file_or_directory) return Nothing{};
    if (leads_nowhere(error)) return Nothing{error.message() + ": " + error.code().message()};
    return std::unexpected(Error(error).within(step));
  }
  auto path = files::path_below(root.fd, directory->get());
  if (!path) return failed_to(step, std::move(path));
  auto names = files::names_in(directory->get(), kMaxNames);
  if (!names && names.error().code() == std::errc::value_too_large)
    return Nothing{quote(*path) + " has more than " + std::to_string(kMaxNames) + " names"};
  if (!names) return failed_to(step, std::move(names));
  auto found = look_at(root, {*std::move(path)}, *names);
  if (!found) return failed_to(step, std::move(found));
  return found;
}

}  // namespace nvhook::compat
