// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nvhook/oci/outline.hpp"
#include "nvhook/oci/record.hpp"
#include "nvhook/oci/state.hpp"

// What the parser accepts, the outline takes for whole, and it finds the same bundle or none. What
// the parser hands out, the record gives back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::oci;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const bool whole = looks_whole(text);
  const auto bundle = find_member(text, "bundle");
  (void)mentions_gpu(text);
  const auto state = parse_state(text);
  if (!state) return 0;
  if (!whole) std::abort();
  if (bundle && *bundle != state->bundle) std::abort();
  if (state->pid && *state->pid <= 1) std::abort();
  const auto decoded = decode_state(encode(*state));
  if (!decoded || *decoded != *state) std::abort();
  return 0;
}
