// SPDX-License-Identifier: Apache-2.0
#include "run_record.hpp"

#include <sys/stat.h>

#include <new>
#include <string_view>
#include <utility>

#include "nvhook/record/from_plan.hpp"
#include "nvhook/record/identity.hpp"
#include "nvhook/record/inherit.hpp"

namespace nvhook {
namespace {

using record::Store;

struct Written {
  Store store;
  UniqueFd file;
  std::string name;
  bool inherits;                   // from an earlier run for the container
  std::vector<record::Made> made;  // what that one made
};

Result<record::FileId> id_of(int directory) {
  struct stat status {};
  if (::fstat(directory, &status) != 0)
    return system_failure(ErrorId::Record, "stat the container's root");
  return record::FileId{status.st_dev, status.st_ino};
}

// The bytes of a plain file that the loader's new one takes the place of.
std::optional<std::string_view> former_bytes(const plan::Plan& plan) {
  const auto& former = plan.loader.former;
  if (!former || former->link_text || plan.loader.action == plan::CacheAction::Bind) return {};
  return former->content.bytes;
}

std::optional<record::Fingerprint> fingerprint_of(const std::optional<std::string_view>& bytes) {
  if (!bytes) return std::nullopt;
  return record::Fingerprint{bytes->size(), record::hash_of(*bytes)};
}

Result<Written> write_record(const Prepared& prepared, Result<RunRecord::Place> place,
                             std::optional<std::string> scope) {
  if (!place) return std::unexpected(std::move(place).error());
  auto& store = place->store;
  record::Inherited all{
      .record = record::from_plan(prepared.plan, place->identity, place->root, std::move(scope)),
      .made = {},
      .keeps_former = false};
  if (!prepared.grants_devices) all.record.devices.clear();  // for nvhook reapply
  auto name = record::file_name(all.record.bundle, all.record.id);
  auto former = former_bytes(prepared.plan);
  std::string kept;
  // (Where memory is out while a record is read the process ends: nlohmann/json asks for some when
  // it takes a document apart. Nothing has been changed yet.)
  const auto before = store.read(name);
  if (before) {
    all = record::inherit(std::move(all.record), *before, fingerprint_of(former));
    if (auto bytes = store.read_former(name); all.keeps_former && bytes) {
      kept = std::move(*bytes);
      former = kept;
    }
  }
  auto file = store.write(all.record, former);
  if (!file) return std::unexpected(std::move(file).error());
  return Written{std::move(store), std::move(*file), std::move(name), before.has_value(),
                 std::move(all.made)};
}

}  // namespace

Result<RunRecord::Place> RunRecord::find_place(const Prepared& prepared) {
  if (!prepared.procfs.initial_user_namespace)
    return failure(ErrorId::Record, "the engine runs without the rights of the host's root");
  const auto identity = record::identify(prepared.procfs, *prepared.process, *prepared.cgroup);
  if (!identity) return std::unexpected(identity.error());
  auto store = Store::open(Store::Missing::Make);
  if (!store) return std::unexpected(std::move(store).error());
  const auto root = id_of(prepared.rootfs.fd.get());
  if (!root) return std::unexpected(root.error());
  return Place{.identity = *identity, .root = *root, .store = std::move(*store)};
}

RunRecord RunRecord::begin(const Prepared& prepared, Result<Place> place,
                           std::optional<std::string> scope, Journal& journal) {
  RunRecord kept;
  auto written = write_record(prepared, std::move(place), std::move(scope));
  if (!written) {
    journal.warning(
        {WarningId::NoRecord,
         "nvhook reapply will not work for this container, and what is made in its root "
         "stays there: " +
             written.error().message()});
    return kept;
  }
  kept.store_ = std::move(written->store);
  kept.file_ = std::move(written->file);
  kept.name_ = std::move(written->name);
  kept.inherits_ = written->inherits;
  kept.made_ = std::move(written->made);
  return kept;
}

void RunRecord::keep(const std::vector<apply::Made>& made) {
  if (!store_) return;
  store_.reset();
  made_.reserve(made_.size() + made.size());
  for (const auto& [path, inode] : made) made_.push_back({path, inode});
  // Without it what was made is told by its looks.
  (void)Store::add(file_.get(), made_);
}

RunRecord::~RunRecord() {
  if (!store_ || inherits_) return;
  try {
    (void)store_->remove(name_);     // the story is why the run failed
  } catch (const std::bad_alloc&) {  // of a failure's text
  }
}

}  // namespace nvhook
