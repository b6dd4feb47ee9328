// SPDX-License-Identifier: Apache-2.0
// How long Docker waits for a volume of 60 files: one that has to be made, of links or of copies,
// with all that is waited for until it is on disk; and one that is there. Discovery included.
#include <benchmark/benchmark.h>

#include <string>

#include "nvhook/volumes/store.hpp"
#include "volumes/old_driver.hpp"

namespace nvhook::volumes {
namespace {

class Host {
 public:
  explicit Host(bool links) : links_(links) {
    test::put_old_driver(host_);
    where_ = host_.where();
  }

  [[nodiscard]] Result<Store> store() const {
    return Store::open({.path = root_.on_disk("/store").string(), .links = links_});
  }
  [[nodiscard]] Result<Created> create(const Store& store) {
    const auto contents = look(where_);
    if (!contents) return std::unexpected(contents.error());
    return store.create(*contents);
  }

 private:
  bool links_;
  test::FakeHost host_;
  driver::Where where_;
  test::FakeRoot root_;
};

void make(benchmark::State& state, bool links) {
  Host host(links);
  const auto store = host.store();
  if (!store) return state.SkipWithError(store.error().text().c_str());
  unsigned files = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto created = host.create(*store);
    if (!created) return state.SkipWithError(created.error().text().c_str());
    files = created->linked + created->cloned + created->copied;
    state.PauseTiming();
    (void)store->remove(Version::parse("361.48").value());
    state.ResumeTiming();
  }
  state.counters["files"] = files;
}

void keep(benchmark::State& state) {
  Host host(true);
  const auto store = host.store();
  if (!store || !host.create(*store)) return state.SkipWithError("no volume");
  for ([[maybe_unused]] auto _ : state) {
    const auto created = host.create(*store);
    if (!created || created->outcome != Outcome::Kept) return state.SkipWithError("not kept");
  }
}

BENCHMARK_CAPTURE(make, of_links, true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(make, of_copies, false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(keep)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace nvhook::volumes
