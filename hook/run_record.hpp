// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "journal.hpp"
#include "nvhook/apply/apply.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/record/record.hpp"
#include "nvhook/record/store.hpp"
#include "prepare.hpp"

namespace nvhook {

// The record of a run that is about to change a container. It is taken back with this object unless
// the run succeeds, or an earlier run for the container has left something: its record has that,
// too.
class RunRecord {
 public:
  // Who the container is, and where its record will be. Fails with E_RECORD, E_PID, E_KERNEL.
  struct Place {
    record::Identity identity;
    record::FileId root;
    record::Store store;
  };
  [[nodiscard]] static Result<Place> find_place(const Prepared& prepared);

  // Writes it, in Phase::Survey at the latest. A run goes on without one: W_NO_RECORD is said then.
  // `scope` is the one of systemd's that the container is in.
  [[nodiscard]] static RunRecord begin(const Prepared& prepared, Result<Place> place,
                                       std::optional<std::string> scope, Journal& journal);

  RunRecord(const RunRecord&) = delete;
  RunRecord& operator=(const RunRecord&) = delete;
  RunRecord(RunRecord&& other) noexcept = default;
  RunRecord& operator=(RunRecord&& other) noexcept = delete;
  ~RunRecord();

  // What was planned is done: the record stays until the container has stopped, and says what was
  // made. Makes no system calls but write and close.
  void keep(const std::vector<apply::Made>& made);

 private:
  RunRecord() = default;

  std::optional<record::Store> store_;  // none: nothing is to be taken back
  std::string name_;
  UniqueFd file_;
  bool inherits_ = false;
  std::vector<record::Made> made_;
};

}  // namespace nvhook
