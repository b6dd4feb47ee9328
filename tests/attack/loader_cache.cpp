// SPDX-License-Identifier: Apache-2.0
#include "attack/loader_cache.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "attack/verdict.hpp"
#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/ldcache/ldcache.hpp"
#include "nvhook/ldcache/merge.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

constexpr std::int32_t kMachine = 0xff00;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

bool is_found_there(const PlannedLink& link, const PlanOfRun& plan) {
  const auto directory = ContainerPath{link.path}.parent().value;
  return std::ranges::count(plan.loader.directories, directory) > 0;
}

std::set<std::string, std::less<>> paths_of_plan(const PlanOfRun& plan) {
  std::set<std::string, std::less<>> paths;
  for (const auto& link : plan.links)
    if (is_found_there(link, plan)) paths.insert(link.path);
  for (const auto& mount : plan.mounts) paths.insert(mount.target);
  return paths;
}

// Whether the loader that takes the entry at all takes it first.
bool is_first(const ldcache::Cache& cache, const PlannedLink& link) {
  const std::string name(ContainerPath{link.path}.name());
  const auto ours = std::ranges::find_if(cache.entries, [&](const ldcache::Entry& entry) {
    return entry.name == name && entry.path == link.path;
  });
  if (ours == cache.entries.end()) return false;
  return std::ranges::none_of(cache.entries.begin(), ours, [&](const ldcache::Entry& entry) {
    return entry.name == name && (entry.flags & 1) != 0 &&
           (entry.flags & kMachine) == (ours->flags & kMachine);
  });
}

}  // namespace

std::vector<std::string> wrong_with_cache(std::string_view bytes, std::string_view before,
                                          const PlanOfRun& plan) {
  const auto cache = ldcache::parse(bytes_of(bytes));
  if (!cache) return {"it is none: " + cache.error().text()};
  std::vector<std::string> wrong;
  auto known = paths_of_plan(plan);
  if (const auto old = ldcache::parse(bytes_of(before)))
    for (const auto& entry : old->entries) known.emplace(entry.path);
  for (const auto& entry : cache->entries) {
    if (!known.contains(entry.path)) wrong.push_back("nobody's path " + quote(entry.path));
    if (has_control_characters(entry.name) || has_control_characters(entry.path))
      wrong.push_back("control characters: " + quote(entry.name) + " " + quote(entry.path));
  }
  const auto disorder = std::ranges::adjacent_find(
      cache->entries, [](const ldcache::Entry& one, const ldcache::Entry& next) {
        return ldcache::compare_names(one.name, next.name) < 0;
      });
  if (disorder != cache->entries.end()) wrong.push_back("in disorder: " + quote(disorder->name));
  for (const auto& link : plan.links)
    if (is_found_there(link, plan) && !is_first(*cache, link))
      wrong.push_back("not found first: " + quote(link.path));
  if (cache->entries.empty()) wrong.emplace_back("it is empty");
  return wrong;
}

void LoaderCache::put(const HostileCache& cache) {
  fs::remove_all(image().on_disk(kCache));
  image().file(kCache, cache.bytes);
  if (cache.size != 0) fs::resize_file(image().on_disk(kCache), cache.size);
}

void LoaderCache::come_to_their_ends(const HostileCaches& caches) {
  // The directories are all that differs in a tree: some of each table.
  const std::size_t step = GetParam().layout == Layout::Tree ? 4 : 1;
  for (std::size_t i = 0; i < caches.size(); i += step) {
    const auto& cache = caches[i];
    SCOPED_TRACE(cache.what);
    start_over();
    put(cache);
    switch (cache.fate) {
      case CacheFate::Merged:
        merged(cache.bytes + std::string(cache.size == 0 ? 0 : 1, '\0'));
        break;
      case CacheFate::Exchanged:
        exchanged();
        break;
      case CacheFate::Left:
        left();
        break;
    }
  }
}

void LoaderCache::merged(std::string_view before) {
  contained();
  const auto warnings = ids_said(outcome().finished);
  EXPECT_EQ(std::ranges::count(warnings, "W_LDCACHE"), 0) << outcome().finished.err;
  expect_in_order(kCache, before);
}

void LoaderCache::exchanged() {
  skipped("W_LDCACHE");
  EXPECT_EQ(outcome().plan.loader.action, "create");
  expect_in_order(kCache, {});
}

void LoaderCache::left() {
  skipped("W_LDCACHE");
  EXPECT_EQ(outcome().plan.loader.action, "none");
  EXPECT_EQ(outcome().plan.loader.path, "");
}

void LoaderCache::expect_in_order(const std::string& path, std::string_view before) {
  EXPECT_EQ(outcome().plan.loader.path, path);
  const auto bytes = text_of(container().inside(path));
  const auto wrong = wrong_with_cache(bytes, before, outcome().plan);
  constexpr std::size_t kShown = 8;
  for (std::size_t i = 0; i < std::min(wrong.size(), kShown); ++i) ADD_FAILURE() << wrong[i];
}

void LoaderCache::become_musl() {
  fs::remove_all(image().on_disk("/lib64"));
  image().directory("/lib");
  fs::copy_file("/lib64/ld-linux-x86-64.so.2", image().on_disk("/lib/ld-musl-x86_64.so.1"));
}

std::vector<std::string> LoaderCache::calls_with(std::string_view words) const {
  std::vector<std::string> found;
  for (const auto& call : calls_of_last_run()) {
    std::string text = call.name;
    bool has = false;
    for (const auto& argument : call.arguments) {
      text += " " + argument;
      // What is written are messages and the loader's own file.
      has = has || (argument.starts_with('"') && argument.find(words) != argument.npos);
    }
    if (has && call.name != "write" && call.name != "read" && call.name != "sendmsg" &&
        call.name != "recvfrom" && call.name != "sendto")
      found.push_back(std::move(text));
  }
  return found;
}

}  // namespace nvhook::test
