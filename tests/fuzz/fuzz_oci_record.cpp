// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nvhook/oci/record.hpp"

// There is one record for one value: whatever is decoded is encoded to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::oci;
  const std::string_view record(reinterpret_cast<const char*>(data), size);

  if (const auto state = decode_state(record); state && encode(*state) != record) std::abort();
  if (const auto config = decode_config(record); config && encode(*config) != record) std::abort();
  return 0;
}
