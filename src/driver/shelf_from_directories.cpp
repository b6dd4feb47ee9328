// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>

#include "driver/resolver.hpp"
#include "driver/shelf_filling.hpp"
#include "driver/version.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::driver {
namespace {

constexpr std::size_t kMaxNames = 100000;  // of one directory; a full /usr/lib/<triplet> has 6000

// The search's directories that exist, each once: "/lib64" is often a link to "/usr/lib64".
Result<std::vector<std::string>> present_directories(const LibrarySearch& search) {
  std::vector<std::string> names;
  std::vector<std::string> seen;
  for (const auto& name : search.directories) {
    const auto fd =
        files::open_at(search.root.fd, name, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
    if (!fd && leads_nowhere(fd.error())) continue;
    if (!fd) return std::unexpected(fd.error());
    auto real = files::path_of(fd->get());
    if (!real) return std::unexpected(std::move(real).error());
    if (std::ranges::find(seen, *real) != seen.end()) continue;
    seen.push_back(*std::move(real));
    names.push_back(name);
  }
  return names;
}

// The slots for that name.
std::vector<Slot*> slots_for(Shelf& shelf, std::string_view name) {
  std::vector<Slot*> slots;
  for (const auto abi : {Abi::Native, Abi::Compat32})
    if (auto* slot = shelf.find(name, abi)) slots.push_back(slot);
  return slots;
}

std::optional<Abi> abi_of(const elf::Library& library) {
  if (library.identity == elf::native()) return Abi::Native;
  if (library.identity == elf::Identity{elf::Class::Elf32, elf::Machine::I386})
    return Abi::Compat32;
  return std::nullopt;
}

Result<void> offer(Shelf& shelf, const std::vector<Slot*>& slots, const ResolvedFile& file,
                   std::string_view name) {
  const auto elf = read_elf(file.fd.get());
  if (!elf && elf.error().code())
    return std::unexpected(Error(elf.error()).within(quote(file.path.value)));
  if (!elf) {
    shelf.leave_out(file.path, elf.error().message());
    return {};
  }
  const auto abi = abi_of(elf->library);
  const auto soname = elf->library.soname;
  for (auto* slot : slots) {
    if (slot->abi != abi) continue;
    auto done = shelf.consider(
        *slot, {.file = file, .name = soname.empty() ? name : soname, .elf = &elf->library});
    if (!done) return done;
  }
  return {};
}

}  // namespace

Result<void> fill_from_directories(Shelf& shelf, const LibrarySearch& search) {
  const auto directories = present_directories(search);
  if (!directories) return std::unexpected(directories.error());
  auto& resolver = search.resolver;
  // The table has the GLVND vendors before the libraries that they supersede.
  for (const auto& native : shelf.native_slots()) {
    const auto& row = *native.row;
    const auto name = row.soname.empty() ? std::string(row.stem).append(".").append(search.version)
                                         : std::string(row.soname);
    const auto slots = slots_for(shelf, name);
    const auto done = [&shelf](const Slot* slot) {
      return slot->taken.has_value() || shelf.is_superseded(*slot);
    };
    for (const auto& directory : *directories) {
      if (std::ranges::all_of(slots, done)) break;
      const auto file = resolver.open(HostPath{directory} / name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
      if (!file && leads_nowhere(file.error())) continue;
      if (!file) return std::unexpected(file.error());
      if (auto offered = offer(shelf, slots, *file, name); !offered) return offered;
    }
  }
  return {};
}

std::vector<std::string> versions_in_directories(const LibrarySearch& search,
                                                 std::string_view stem) {
  std::vector<std::string> versions;
  const auto directories = present_directories(search);
  if (!directories) return versions;
  for (const auto& directory : *directories) {
    const auto fd =
        files::open_at(search.root.fd, directory, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
    if (!fd) continue;
    const auto names = files::names_in(fd->get(), kMaxNames);
    if (!names) continue;
    for (const std::string_view name : *names) {
      if (!name.starts_with(stem) || name.size() <= stem.size()) continue;
      const auto version = name.substr(stem.size() + 1);
      if (is_driver_version(version) && std::ranges::find(versions, version) == versions.end())
        versions.emplace_back(version);
    }
  }
  return versions;
}

}  // namespace nvhook::driver
