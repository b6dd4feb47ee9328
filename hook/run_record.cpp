// SPDX-License-Identifier: Apache-2.0
#include "run_record.hpp"

#include <new>
#include <utility>

#include "nvhook/record/from_plan.hpp"
#include "nvhook/record/identity.hpp"
#include "nvhook/systemd/scope.hpp"
#include "nvhook/systemd/transient.hpp"

namespace nvhook {
namespace {

using record::Store;

Result<Store> write_record(const Prepared& prepared, std::optional<std::string> scope,
                           std::string& name) {
  if (!prepared.procfs.initial_user_namespace)
    return failure(ErrorId::Record, "the engine runs without the rights of the host's root");
  const auto identity = record::identify(prepared.procfs, *prepared.process, *prepared.cgroup);
  if (!identity) return std::unexpected(identity.error());
  auto store = Store::open(Store::Missing::Make);
  if (!store) return store;
  const auto record = record::from_plan(prepared.plan, *identity, std::move(scope));
  if (auto done = store->write(record); !done) return std::unexpected(std::move(done).error());
  name = record::file_name(record.bundle, record.id);
  return store;
}

// Of devices that a scope was to have, for the next one of this name.
void leave_no_word(const std::string& scope) {
  if (!systemd::is_scope(scope)) return;
  if (const auto transient = systemd::open_transient())
    systemd::forget_scope(transient->get(), scope);
}

}  // namespace

RunRecord RunRecord::begin(const Prepared& prepared, std::optional<std::string> scope,
                           Journal& journal) {
  RunRecord kept;
  auto store = write_record(prepared, std::move(scope), kept.name_);
  if (store)
    kept.store_ = std::move(*store);
  else
    journal.warning({WarningId::NoRecord, "nvhook reapply will not work for this container: " +
                                              store.error().message()});
  return kept;
}

RunRecord::~RunRecord() {
  if (!store_) return;
  try {
    (void)store_->remove(name_);  // the story is why the run failed
  } catch (const std::bad_alloc&) {  // of a failure's text
  }
}

Result<void> forget(const Stopped& container) {
  const auto store = Store::open(Store::Missing::Fail);
  if (store) {
    const auto name = record::file_name(container.bundle, container.id);
    // What cannot be read goes all the same.
    if (const auto record = store->read(name); record && record->scope)
      leave_no_word(*record->scope);
    return store->remove(name);
  }
  const auto code = store.error().code();
  // There is none, or they are the host's root's, for whom this engine does not work.
  if (code == std::errc::no_such_file_or_directory || code == std::errc::permission_denied)
    return {};
  return std::unexpected(store.error());
}

}  // namespace nvhook
