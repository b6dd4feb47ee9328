// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/record/record.hpp"

namespace nvhook::record {

// The records of this machine's running containers: files in /run/nvhook, which goes with the boot.
// Held by a descriptor, so that a record can be taken back from inside a container's mount
// namespace.
class Store {
 public:
  // Opens the directory, and makes it (mode 0700) if `missing` says so. One that others than root
  // can change is refused. Fails with E_RECORD; with the code ENOENT if it is not there.
  enum class Missing : std::uint8_t { Make, Fail };
  [[nodiscard]] static Result<Store> open(Missing missing);

  // Puts the record in the place of an older one of the same container, whole or not at all, and
  // beside it the bytes that a file of the image's had. Gives the record's file, open for a line
  // more. Fails with E_RECORD.
  [[nodiscard]] Result<UniqueFd> write(const Record& record,
                                       const std::optional<std::string_view>& former = {}) const;

  // Adds that line. Makes no system call but write. Fails with E_RECORD.
  [[nodiscard]] static Result<void> add(int record, const std::vector<Made>& made);

  // The bytes that were kept beside the record of that name. Fails with E_RECORD; with the code
  // ENOENT if there are none.
  [[nodiscard]] Result<std::string> read_former(const std::string& name) const;

  // The names of all files there. Fails with E_RECORD.
  [[nodiscard]] Result<std::vector<std::string>> names() const;

  // The record in the file of that name. A file that is not root's alone is refused. Fails with
  // E_RECORD; with the code ENOENT if there is none.
  [[nodiscard]] Result<Record> read(const std::string& name) const;

  // Removes what runs that were killed while they wrote a record have left, once nobody can be at work
  // on it any more: after a minute. Fails with E_RECORD.
  [[nodiscard]] Result<void> remove_unfinished() const;

  // Removes the file of that name and what is beside it; it is fine if it is gone already. Looks up
  // nothing but these names in the held directory. Fails with E_RECORD.
  [[nodiscard]] Result<void> remove(const std::string& name) const;

 private:
  explicit Store(UniqueFd directory) : directory_(std::move(directory)) {}

  UniqueFd directory_;
};

}  // namespace nvhook::record
