// SPDX-License-Identifier: Apache-2.0
#include "nvhook/record/inherit.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nvhook::record {
namespace {

// Of two runs that had to do with the same path, and both made such a thing there or found one.
void take_over(Object& now, const Object& before, const std::optional<Fingerprint>& present,
               Inherited& inherited) {
  switch (now.kind) {
    case ObjectKind::Mount:
      if (now.creates || !before.creates) return;
      now.creates = true;
      if (before.inode) inherited.made.push_back({before.path, *before.inode});
      return;
    case ObjectKind::Link:
      if (now.replaces && now.replaces == before.text) now.replaces = before.replaces;
      return;
    case ObjectKind::File:
      if (!now.former || !present || present != before.content) return;
      now.former = before.former;
      inherited.keeps_former = before.former && !before.former->link_text;
      return;
    case ObjectKind::Directory:
      return;
  }
}

}  // namespace

Inherited inherit(Record now, const Record& before, const std::optional<Fingerprint>& present) {
  Inherited inherited;
  inherited.record = std::move(now);
  auto& objects = inherited.record.objects;
  if (inherited.record.root.inode != before.root.inode) return inherited;
  std::vector<Object> left;
  for (const auto& object : before.objects) {
    const auto same = std::ranges::find_if(objects, [&](const Object& one) {
      return one.path == object.path && one.kind == object.kind;
    });
    if (same != objects.end()) {
      take_over(*same, object, present, inherited);
      continue;
    }
    if (object.inode) inherited.made.push_back({object.path, *object.inode});
    left.push_back(object);
    left.back().inode.reset();
  }
  // In front: what the new run makes may lie in a directory of the earlier one's.
  objects.insert(objects.begin(), std::make_move_iterator(left.begin()),
                 std::make_move_iterator(left.end()));
  return inherited;
}

}  // namespace nvhook::record
