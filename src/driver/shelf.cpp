// SPDX-License-Identifier: Apache-2.0
#include "driver/shelf.hpp"

#include <elf.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <tuple>
#include <utility>

#include "driver/version.hpp"
#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::driver {
namespace {

// "libcuda.so" of "libcuda.so", "libcuda.so.1" and "libcuda.so.550.54.14"; "" of "libcuda.sox".
std::string_view stem_of(std::string_view name) {
  constexpr std::string_view kSuffix = ".so";
  const auto at = name.find(kSuffix);
  if (at == std::string_view::npos) return {};
  const auto end = at + kSuffix.size();
  if (end != name.size() && name[end] != '.') return {};
  return name.substr(0, end);
}

// Whether the file says that it needs Linux 2.3.99 or later, the first with thread-local storage.
// Source: elf.h, NT_GNU_ABI_TAG: system (0 is Linux), then the version's three numbers.
bool has_abi_note(const elf::Library& library) {
  using Version = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;
  for (const auto& note : library.notes) {
    if (note.name != "GNU" || note.type != NT_GNU_ABI_TAG) continue;
    const auto words = ByteReader(note.description).take<std::array<std::uint32_t, 4>>();
    if (words && (*words)[0] == ELF_NOTE_OS_LINUX &&
        Version((*words)[1], (*words)[2], (*words)[3]) >= Version(2, 3, 99))
      return true;
  }
  return false;
}

bool needs_gl_core(const elf::Library& library) {
  return std::ranges::any_of(library.needed, [](std::string_view needed) {
    const auto stem = stem_of(needed);
    return stem == "libnvidia-glcore.so" || stem == "libnvidia-eglcore.so";
  });
}

bool needs_dispatcher(const elf::Library& library) {
  return std::ranges::any_of(library.needed, [](std::string_view needed) {
    return stem_of(needed) == "libGLdispatch.so";
  });
}

bool counts_versions_of_its_own(Rule rule) {
  return rule == Rule::OwnVersion || rule == Rule::AnyButMesa;
}

// Remembers a name that the loader or a program may ask for. The plain "libcuda.so" is for
// compilers, and the file's own name needs no link.
void add_link(Library& library, std::string_view name) {
  if (!name.contains(".so.") || name == library.path.name()) return;
  if (std::ranges::find(library.links, name) == library.links.end())
    library.links.emplace_back(name);
}

Library library_of(const Slot& slot, const Candidate& candidate) {
  Library library{.path = candidate.file.path,
                  .links = {},
                  .abi = slot.abi,
                  .capabilities = slot.row->capabilities};
  add_link(library, candidate.name);
  return library;
}

}  // namespace

Shelf::Shelf(std::string_view version, Capabilities wanted, Purpose purpose)
    : ending_(".so." + std::string(version)), purpose_(purpose) {
  const auto add_slot = [&](const LibraryRow& row, Abi abi) {
    if ((row.capabilities & wanted).empty()) return;
    slots_.push_back(
        {.row = &row, .abi = abi, .taken = {}, .second_choice = {}, .other_versions = {}});
  };
  const auto add_slots = [&](Abi abi) {
    for (const auto& row : library_table())
      if (purpose != Purpose::Volume || row.rule != Rule::WithoutGlvnd) add_slot(row, abi);
    if (purpose != Purpose::Volume) return;
    for (const auto& row : neutral_table()) add_slot(row, abi);
  };
  add_slots(Abi::Native);
  per_abi_ = slots_.size();
  // There is no driver with 32-bit libraries for another machine.
  if (wanted.contains(Capability::Compat32) && elf::native().machine == elf::Machine::X86_64)
    add_slots(Abi::Compat32);

  by_stem_.resize(per_abi_);
  std::iota(by_stem_.begin(), by_stem_.end(), std::size_t{0});
  std::ranges::sort(by_stem_, {}, [&](std::size_t at) { return slots_[at].row->stem; });
}

Slot* Shelf::find(std::string_view name, Abi abi) {
  const auto stem = stem_of(name);
  const auto stem_at = [&](std::size_t at) { return slots_[at].row->stem; };
  const auto found = std::ranges::lower_bound(by_stem_, stem, {}, stem_at);
  if (found == by_stem_.end() || stem_at(*found) != stem) return nullptr;
  const auto at = *found + (abi == Abi::Native ? 0 : per_abi_);
  return at < slots_.size() ? &slots_[at] : nullptr;
}

bool Shelf::looks_into(const Slot& slot) {
  const auto rule = slot.row->rule;
  return rule == Rule::AbiNote || rule == Rule::WithoutGlvnd || rule == Rule::AnyButMesa;
}

bool Shelf::is_superseded(const Slot& slot) const {
  return slot.row->rule == Rule::WithoutGlvnd &&
         std::ranges::any_of(slots_, [&slot](const Slot& other) {
           return other.abi == slot.abi && other.taken && other.row->rule == Rule::GlvndVendor;
         });
}

Result<std::optional<std::string>> Shelf::objection(Slot& slot, const Candidate& candidate) const {
  const auto real_name = candidate.file.path.name();
  if (!counts_versions_of_its_own(slot.row->rule) && !real_name.ends_with(ending_)) {
    const auto at = real_name.rfind(".so.");
    const auto suffix = at == std::string_view::npos ? "" : real_name.substr(at + 4);
    if (!is_driver_version(suffix)) return "not a file of the NVIDIA driver";
    if (std::ranges::find(slot.other_versions, suffix) == slot.other_versions.end())
      slot.other_versions.emplace_back(suffix);
    return "another driver version (" + std::string(suffix) + ")";
  }
  if (is_superseded(slot)) return "the driver's GLVND libraries are there instead";
  if (!looks_into(slot)) return std::nullopt;

  std::optional<ElfFile> read;
  const auto* library = candidate.elf;
  if (library == nullptr) {
    auto file = read_elf(candidate.file.fd.get());
    if (!file && file.error().code()) return std::unexpected(std::move(file).error());
    if (!file) return file.error().message();
    library = &read.emplace(*std::move(file)).library;
  }
  if (slot.row->rule == Rule::AbiNote && !has_abi_note(*library)) {
    if (purpose_ == Purpose::Volume && !slot.second_choice)
      slot.second_choice = library_of(slot, candidate);
    return "no ABI note for Linux 2.3.99 or later, so it is the variant for older kernels";
  }
  if (slot.row->rule == Rule::WithoutGlvnd && !needs_gl_core(*library))
    return "not NVIDIA's: it does not need the driver's GL core";
  if (slot.row->rule == Rule::AnyButMesa && !needs_gl_core(*library) && !needs_dispatcher(*library))
    return "not NVIDIA's: it needs neither the driver's GL core nor libGLdispatch";
  return std::nullopt;
}

Result<void> Shelf::consider(Slot& slot, const Candidate& candidate) {
  const auto& path = candidate.file.path;
  if (slot.taken && slot.taken->path == path) {
    add_link(*slot.taken, candidate.name);
    return {};
  }

  auto reason = S_ISREG(candidate.file.status.st_mode)
                    ? objection(slot, candidate)
                    : Result<std::optional<std::string>>("not a regular file");
  if (!reason) return failed_to(quote(path.value), std::move(reason));
  const bool exchange = !*reason && slot.taken && slot.row->rule == Rule::AnyButMesa &&
                        path.name().ends_with(ending_) &&
                        !slot.taken->path.name().ends_with(ending_);
  if (exchange) leave_out(std::move(slot.taken->path), "the driver has its own of that name");
  if (!*reason && slot.taken && !exchange) *reason = "the loader prefers " + slot.taken->path.value;
  if (*reason) {
    leave_out(path, **std::move(reason));
    return {};
  }
  slot.taken = library_of(slot, candidate);
  return {};
}

void Shelf::settle() {
  for (auto& slot : slots_) {
    if (slot.taken || !slot.second_choice) continue;
    slot.taken = std::move(slot.second_choice);
    std::erase_if(omitted_,
                  [&](const Omitted& omitted) { return omitted.path == slot.taken->path; });
  }
}

void Shelf::leave_out(HostPath path, std::string reason) {
  const auto same = [&path](const Omitted& omitted) { return omitted.path == path; };
  if (std::ranges::none_of(omitted_, same))
    omitted_.push_back({std::move(path), std::move(reason)});
}

}  // namespace nvhook::driver
