// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/ldcache/merge.hpp"

namespace {

using namespace nvhook;
using namespace nvhook::ldcache;

const std::vector<Library> kOurs = {{"libcuda.so.1", "/usr/lib/libcuda.so.1", Abi::X86_64},
                                    {"libcuda.so.1", "/usr/lib32/libcuda.so.1", Abi::I386},
                                    {"libnvidia-ml.so.1", "/usr/lib/x.so", Abi::X86_64}};

using Key = std::tuple<std::string, std::string, std::int32_t>;

std::multiset<Key> keys_of(const Cache& cache) {
  std::multiset<Key> keys;
  for (const auto& entry : cache.entries)
    keys.insert({std::string(entry.name), std::string(entry.path), entry.flags});
  return keys;
}

// The loader takes the first that fits, unless one is in a folder for better processors.
void expect_found(const Cache& cache, const Library& library) {
  const auto is_it = [&](const Entry& entry) {
    return compare_names(entry.name, library.name) == 0 && entry.name == library.name &&
           fits(entry.flags, library.abi);
  };
  const auto first = std::ranges::find_if(cache.entries, is_it);
  if (first == cache.entries.end() || first->path != library.path) std::abort();
  for (const auto& entry : cache.entries)
    if (is_it(entry) && entry.hwcap != 0) std::abort();
}

}  // namespace

// The input is a container's cache. Merged with ours it is one in which ours are found, that is in
// order, says nothing that was not said before or is ours, and stays the same when ours are merged
// into it again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view before(reinterpret_cast<const char*>(data), size);
  const auto merged = merge(bytes_of(before), kOurs, "fuzz");
  if (!merged) return 0;
  const auto after = parse(bytes_of(*merged));
  if (!after) std::abort();

  for (const auto& library : kOurs) expect_found(*after, library);
  const auto out_of_order = [](const Entry& left, const Entry& right) {
    return compare_names(left.name, right.name) < 0;
  };
  if (std::ranges::adjacent_find(after->entries, out_of_order) != after->entries.end())
    std::abort();

  auto allowed = size == 0 ? std::multiset<Key>() : keys_of(*parse(bytes_of(before)));
  for (const auto& library : kOurs)
    allowed.insert({std::string(library.name), std::string(library.path),
                    static_cast<std::int32_t>(library.abi)});
  if (!std::ranges::includes(allowed, keys_of(*after))) std::abort();

  const auto again = merge(bytes_of(*merged), kOurs, "fuzz");
  if (!again || *again != *merged) std::abort();
  return 0;
}
