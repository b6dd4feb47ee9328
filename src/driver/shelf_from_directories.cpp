// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>

#include "driver/resolver.hpp"
#include "driver/shelf_filling.hpp"
#include "driver/version.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook::driver {
namespace {

constexpr std::size_t kMaxNames = 100000;  // of one directory; a full /usr/lib/<triplet> has 6000

// The search's directories that exist, each once: "/lib64" is often a link to "/usr/lib64".
std::vector<std::string> present_directories(const LibrarySearch& search) {
  std::vector<std::string> names;
  std::vector<std::string> seen;
  for (const auto& name : search.directories) {
    const auto fd =
        files::open_at(search.root.fd, name, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
    if (!fd) continue;
    auto real = files::path_of(fd->get());
    if (!real || std::ranges::find(seen, *real) != seen.end()) continue;
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

void offer(Shelf& shelf, const std::vector<Slot*>& slots, const ResolvedFile& file,
           std::string_view name) {
  const auto elf = read_elf(file.fd.get());
  if (!elf) return shelf.leave_out(file.path, elf.error().message());
  const auto abi = abi_of(elf->library);
  const auto soname = elf->library.soname;
  for (auto* slot : slots)
    if (slot->abi == abi)
      shelf.consider(*slot,
                     {.file = file, .name = soname.empty() ? name : soname, .elf = &elf->library});
}

}  // namespace

void fill_from_directories(Shelf& shelf, const LibrarySearch& search) {
  const auto directories = present_directories(search);
  Resolver resolver(search.root);
  // The table has the GLVND vendors before the libraries that they supersede.
  for (const auto& row : library_table()) {
    const auto name = std::string(row.stem).append(".").append(search.version);
    const auto slots = slots_for(shelf, name);
    const auto done = [&shelf](const Slot* slot) {
      return slot->taken.has_value() || shelf.is_superseded(*slot);
    };
    for (const auto& directory : directories) {
      if (std::ranges::all_of(slots, done)) break;
      const auto file = resolver.open(HostPath{directory} / name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
      if (file) offer(shelf, slots, *file, name);
    }
  }
}

std::vector<std::string> versions_in_directories(const LibrarySearch& search,
                                                 std::string_view stem) {
  std::vector<std::string> versions;
  for (const auto& directory : present_directories(search)) {
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
