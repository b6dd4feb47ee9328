// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "driver/elf_file.hpp"
#include "driver/library_table.hpp"
#include "driver/resolver.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/driver/driver.hpp"

namespace nvhook::driver {

// A library that is looked for, and the file that was taken for it.
struct Slot {
  const LibraryRow* row = nullptr;
  Abi abi = Abi::Native;
  std::optional<Library> taken;
  std::optional<Library> second_choice;     // taken by settle() where there is no other
  std::vector<std::string> other_versions;  // of files that were not taken
};

// A file that may be one of the driver's libraries.
struct Candidate {
  const ResolvedFile& file;           // readable where the slot's rule looks into it
  std::string_view name;              // the name that led to it
  const elf::Library* elf = nullptr;  // if the caller has read it; borrowed
};

// The libraries that are looked for, one slot per name and ABI in the order of the result, and the
// rules for what may stand in them. How candidates are found is not its concern.
class Shelf {
 public:
  // A slot for each library that one of `wanted` brings, 64 bits first; for 32 bits only with
  // compat32, and only where there are such drivers.
  Shelf(std::string_view version, Capabilities wanted, Purpose purpose);

  [[nodiscard]] std::span<const Slot> slots() const { return slots_; }
  // Those for this machine's libraries, one for each row of the table that is looked for.
  [[nodiscard]] std::span<const Slot> native_slots() const { return slots().first(per_abi_); }
  [[nodiscard]] std::span<const Omitted> omitted() const { return omitted_; }

  // The slot for files and cache entries of this name; null if none is wanted.
  [[nodiscard]] Slot* find(std::string_view name, Abi abi);

  // Whether files for this slot must be opened for reading; otherwise O_PATH will do.
  [[nodiscard]] static bool looks_into(const Slot& slot);

  // Whether nothing that could come is taken: GL libraries that the GLVND vendors stand in for.
  [[nodiscard]] bool is_superseded(const Slot& slot) const;

  // Takes the file, or the name as one more link to the file already taken, or leaves it out. Fails
  // with E_KERNEL if the file cannot be looked at.
  [[nodiscard]] Result<void> consider(Slot& slot, const Candidate& candidate);

  void leave_out(HostPath path, std::string reason);

  // To be called once, when no more candidates come.
  void settle();

 private:
  [[nodiscard]] Result<std::optional<std::string>> objection(Slot& slot,
                                                             const Candidate& candidate) const;

  std::string ending_;  // ".so.550.54.14"
  Purpose purpose_;
  std::vector<Slot> slots_;
  std::size_t per_abi_ = 0;
  std::vector<std::size_t> by_stem_;  // positions among the first per_abi_, sorted by stem
  std::vector<Omitted> omitted_;
};

}  // namespace nvhook::driver
