// SPDX-License-Identifier: Apache-2.0
#include "driver/libraries.hpp"

#include <charconv>
#include <optional>
#include <span>

#include "driver/shelf.hpp"
#include "driver/shelf_filling.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/ldcache/ldcache.hpp"

namespace nvhook::driver {
namespace {

constexpr std::string_view kCache = "/etc/ld.so.cache";

// The bytes of the cache; nothing where there is none.
Result<std::optional<std::string>> read_cache(const LibrarySearch& search) {
  auto bytes =
      files::read_file(search.root.fd, kCache, ldcache::kMaxCacheBytes, files::Lookup::InRoot);
  if (bytes) return *std::move(bytes);
  if (bytes.error().code() == std::errc::no_such_file_or_directory) return std::nullopt;
  return std::unexpected(std::move(bytes).error().as(ErrorId::DriverRead));
}

std::string joined(std::span<const std::string> words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string capabilities_text(Capabilities capabilities) {
  std::vector<std::string> names;
  for (const auto capability : kAllCapabilities)
    if (capabilities.contains(capability)) names.emplace_back(name_of(capability));
  return joined(names);
}

std::string file_name(const Slot& slot, const LibrarySearch& search) {
  return std::string(slot.row->stem) + "." + std::string(search.version);
}

// The native libraries of this need for which no file was taken.
std::vector<const Slot*> missing(const Shelf& shelf, Need need) {
  std::vector<const Slot*> slots;
  for (const auto& slot : shelf.slots())
    if (!slot.taken && slot.abi == Abi::Native && slot.row->need == need) slots.push_back(&slot);
  return slots;
}

// `searched`: where was looked. `other_versions`: of which versions the library is there.
std::unexpected<Error> incomplete(const LibrarySearch& search, const Slot& slot,
                                  Capabilities wanted, const std::string& searched,
                                  std::span<const std::string> other_versions) {
  const std::string version(search.version);
  auto text = file_name(slot, search) + ", needed for " +
              capabilities_text(slot.row->capabilities & wanted) + ", is not in " + searched;
  text += other_versions.empty() ? "; no other version is there either"
                                 : "; other versions there: " + joined(other_versions);
  text += "; install the driver's libraries of version " + version +
          ", the loaded kernel module's, and run ldconfig";
  return failure(ErrorId::DriverIncomplete, std::move(text));
}

// The first branch that has all of Need::Expected.
constexpr unsigned kFirstBranchWithAll = 470;

bool has_all_expected(std::string_view version) {
  unsigned branch = 0;
  std::from_chars(version.data(), version.data() + version.size(), branch);
  return branch >= kFirstBranchWithAll;
}

}  // namespace

Result<FoundLibraries> find_libraries(const LibrarySearch& search, Capabilities wanted,
                                      Purpose purpose) {
  Shelf shelf(search.version, wanted, purpose);
  if (shelf.slots().empty()) return FoundLibraries{};
  const auto cache_file = read_cache(search);
  if (!cache_file) return std::unexpected(cache_file.error());
  const auto& cache = *cache_file;
  std::string searched;
  if (cache) {
    searched = quote(search.root_path + std::string(kCache));
    auto filled = fill_from_cache(shelf, search, *cache);
    if (!filled) return failed_to(searched, std::move(filled));
  } else {
    if (auto filled = fill_from_directories(shelf, search); !filled)
      return std::unexpected(std::move(filled).error());
    for (const auto& directory : search.directories)
      searched += (searched.empty() ? "" : ", ") + quote(search.root_path + directory);
  }

  shelf.settle();

  const auto essential = missing(shelf, Need::Essential);
  if (!essential.empty()) {
    const auto& slot = *essential.front();
    const auto others =
        cache ? slot.other_versions : versions_in_directories(search, slot.row->stem);
    return incomplete(search, slot, wanted, searched, others);
  }

  FoundLibraries found;
  found.omitted.assign(shelf.omitted().begin(), shelf.omitted().end());
  for (const auto& slot : shelf.slots())
    if (slot.taken) found.libraries.push_back(*slot.taken);
  if (!has_all_expected(search.version)) return found;
  std::vector<std::string> names;
  for (const auto* slot : missing(shelf, Need::Expected)) names.push_back(file_name(*slot, search));
  if (!names.empty())
    found.warnings.push_back({WarningId::LibraryMissing, joined(names) + " not in " + searched});
  return found;
}

}  // namespace nvhook::driver
