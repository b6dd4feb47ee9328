// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "journal.hpp"
#include "nvhook/base/error.hpp"
#include "nvhook/record/store.hpp"
#include "prepare.hpp"
#include "read_spec.hpp"

namespace nvhook {

// The record of a run that is about to change a container. It is taken back with this object unless
// the run succeeds.
class RunRecord {
 public:
  // Writes it, in Phase::Survey at the latest. A run goes on without one: W_NO_RECORD is said then.
  // `scope` is the one of systemd's that the container is in.
  [[nodiscard]] static RunRecord begin(const Prepared& prepared, std::optional<std::string> scope,
                                       Journal& journal);

  RunRecord(const RunRecord&) = delete;
  RunRecord& operator=(const RunRecord&) = delete;
  RunRecord(RunRecord&& other) noexcept = default;
  RunRecord& operator=(RunRecord&& other) noexcept = delete;
  ~RunRecord();

  // What was planned is done: the record stays until the container has stopped.
  void keep() { store_.reset(); }

 private:
  RunRecord() = default;

  std::optional<record::Store> store_;  // none: nothing is to be taken back
  std::string name_;
};

// Removes the record of a container that is no more, if there is one, and what was left for systemd
// about its scope. Fails with E_RECORD.
[[nodiscard]] Result<void> forget(const Stopped& container);

}  // namespace nvhook
