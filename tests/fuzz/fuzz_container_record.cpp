// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nvhook/record/record.hpp"

// What is taken from a file is written as a file that says the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::record;
  const auto record = parse({reinterpret_cast<const char*>(data), size});
  if (!record) return 0;

  const auto text = to_json(*record);
  if (!text) return 0;  // names that escapes make too long
  const auto again = parse(*text);
  if (!again || *again != *record) std::abort();
  return 0;
}
