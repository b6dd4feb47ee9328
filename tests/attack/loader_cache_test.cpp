// SPDX-License-Identifier: Apache-2.0
// Family L, first part: the bytes of the image's ld.so.cache. Whatever they are, the container
// starts; its loader finds the driver's libraries first, and else what it found before.
#include "attack/loader_cache.hpp"

#include <string>
#include <vector>

#include "nvhook/base/path.hpp"

namespace nvhook::test {
namespace {

TEST_P(LoaderCache, L01_ItIsCutShort) { come_to_their_ends(caches_cut_short()); }

TEST_P(LoaderCache, L02_ItsCountIsEndless) { come_to_their_ends(caches_of_endless_count()); }

TEST_P(LoaderCache, L03_ItsCountWraps) { come_to_their_ends(caches_of_wrapping_count()); }

TEST_P(LoaderCache, L04_ItHasAnEntryTooMany) {
  come_to_their_ends(caches_with_an_entry_too_many());
}

TEST_P(LoaderCache, L05_NamesAreOutside) { come_to_their_ends(caches_with_names_outside()); }

TEST_P(LoaderCache, L06_PathsAreOutside) { come_to_their_ends(caches_with_paths_outside()); }

TEST_P(LoaderCache, L07_NamesAreInTheHeader) {
  come_to_their_ends(caches_with_names_in_the_header());
}

TEST_P(LoaderCache, L08_StringsHaveNoEnd) { come_to_their_ends(caches_with_strings_without_end()); }

TEST_P(LoaderCache, L09_ItsStringTableIsEndless) {
  come_to_their_ends(caches_with_endless_string_table());
}

TEST_P(LoaderCache, L10_ItsExtensionsAreBad) { come_to_their_ends(caches_with_bad_extensions()); }

TEST_P(LoaderCache, L11_ItIsOfOtherMachines) { come_to_their_ends(caches_of_other_machines()); }

TEST_P(LoaderCache, L12_ItsEntriesAreOdd) { come_to_their_ends(caches_with_odd_entries()); }

TEST_P(LoaderCache, L13_ItIsHuge) { come_to_their_ends(caches_that_are_huge()); }

TEST_P(LoaderCache, L14_ItIsInDisorder) {
  run_hook();
  std::vector<std::string> names;
  for (const auto& link : outcome().plan.links) names.emplace_back(ContainerPath{link.path}.name());
  ASSERT_FALSE(names.empty());

  come_to_their_ends(caches_in_disorder(names));
}

INSTANTIATE_TEST_SUITE_P(Kernel, LoaderCache, ::testing::ValuesIn(variants_of_each_layout()),
                         name_of_instance);

}  // namespace
}  // namespace nvhook::test
