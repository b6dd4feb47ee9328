// SPDX-License-Identifier: Apache-2.0
// Parsing a cache ten times as large as a full desktop's: 2 MB, always the same one.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "nvhook/ldcache/ldcache.hpp"
#include "nvhook/ldcache/merge.hpp"
#include "support/cache_image.hpp"

namespace nvhook::ldcache {
namespace {

constexpr std::size_t kBytes = 2'000'000;

std::string lower_case_word(std::mt19937& random) {
  std::string word(4 + random() % 12, ' ');
  for (auto& letter : word) letter = static_cast<char>('a' + random() % 26);
  return word;
}

// At least `bytes` long, and by less than one entry longer.
std::string cache_of(std::size_t bytes) {
  constexpr std::size_t kEntry = 24;  // without its two strings and their NULs
  std::mt19937 random(20261122);      // NOLINT(*-msc51-cpp): the same cache each time is the point
  test::CacheImage image;
  for (auto size = test::kCacheEntries; size < bytes;) {
    const auto name = "lib" + lower_case_word(random) + ".so." + std::to_string(random() % 10);
    const auto path = "/usr/lib/x86_64-linux-gnu/" + name;
    size += kEntry + name.size() + path.size() + 2;
    image.entries.push_back({.name = name, .path = path});
  }
  return image.bytes();
}

void parse_a_cache(benchmark::State& state) {
  const auto file = cache_of(kBytes);
  const auto bytes = std::as_bytes(std::span(file));
  std::size_t entries = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto cache = parse(bytes);
    if (!cache) return state.SkipWithError(cache.error().text().c_str());
    entries = cache->entries.size();
    benchmark::DoNotOptimize(cache->entries.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * file.size()));
  state.counters["bytes"] = static_cast<double>(file.size());
  state.counters["entries"] = static_cast<double>(entries);
}
BENCHMARK(parse_a_cache)->Unit(benchmark::kMicrosecond);

// As many libraries as the driver brings by default, into a cache of so many.
void merge_into_a_cache(benchmark::State& state) {
  constexpr std::size_t kEntry = 90;  // a usual one, with its strings
  const auto shuffled = cache_of(static_cast<std::size_t>(state.range(0)) * kEntry);
  const auto file = merge(std::as_bytes(std::span(shuffled)), {}, "in ldconfig's order").value();
  const auto bytes = std::as_bytes(std::span(file));
  std::vector<std::string> names;
  std::vector<std::string> paths;
  constexpr int kOurs = 28;
  for (int i = 0; i < kOurs; ++i) {
    names.push_back("libnvidia-part" + std::to_string(i) + ".so.1");
    paths.push_back("/usr/lib/x86_64-linux-gnu/" + names.back());
  }
  std::vector<Library> ours;
  for (std::size_t i = 0; i < names.size(); ++i)
    ours.push_back({.name = names[i], .path = paths[i], .abi = Abi::X86_64});
  std::size_t size = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto merged = merge(bytes, ours, "nvhook");
    if (!merged) return state.SkipWithError(merged.error().text().c_str());
    size = merged->size();
    benchmark::DoNotOptimize(merged->data());
  }
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(merge_into_a_cache)->Arg(77)->Arg(777)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace nvhook::ldcache
