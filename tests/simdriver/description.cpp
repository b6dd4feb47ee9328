// SPDX-License-Identifier: Apache-2.0
#include "description.hpp"

// Names made by `ld -b binary` from the file name description.json. Hidden, so that each library
// reads its own even when both are loaded.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier)
extern __attribute__((visibility("hidden"))) const char _binary_description_json_start[];
extern __attribute__((visibility("hidden"))) const char _binary_description_json_end[];
// NOLINTEND(bugprone-reserved-identifier)
}

namespace simdriver {
namespace {

// A sample, line breaks included:
//   {"driver": "550.54.14", "cuda": 12040, "gpus": [
//   {"model": "NVIDIA L4", "uuid": "GPU-...", "minor": 0, "bus": "0000:01:00.0"},
//   {"model": "NVIDIA L4", "uuid": "GPU-...", "minor": 1, "bus": "0000:09:00.0"}
//   ]}
std::string_view whole_text() {
  return {_binary_description_json_start,
          static_cast<std::size_t>(_binary_description_json_end - _binary_description_json_start)};
}

// The text after `mark`; empty without it. string_view::substr would bring in libstdc++.
std::string_view after(std::string_view text, std::string_view mark) {
  const auto at = text.find(mark);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + mark.size());
  return text;
}

// The text before `mark`; all of it without.
std::string_view before(std::string_view text, char mark) {
  const auto at = text.find(mark);
  if (at != std::string_view::npos) text.remove_suffix(text.size() - at);
  return text;
}

// The value of a key in the form in which the writer writes it; no escape occurs in it.
std::string_view string_at(std::string_view object, std::string_view quoted_key) {
  return before(after(after(object, quoted_key), "\""), '"');
}

unsigned number_at(std::string_view object, std::string_view quoted_key) {
  unsigned value = 0;
  for (const char c : after(after(object, quoted_key), ": ")) {
    if (c < '0' || c > '9') break;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

}  // namespace

std::string_view driver_version() { return string_at(whole_text(), "\"driver\""); }

int cuda_version() { return static_cast<int>(number_at(whole_text(), "\"cuda\"")); }

std::size_t gpus(Gpu (&out)[kMaxGpus]) {
  std::size_t count = 0;
  auto rest = after(whole_text(), "\"gpus\"");
  while (count < kMaxGpus) {
    rest = after(rest, "{");
    if (rest.empty()) break;
    const auto object = before(rest, '}');
    out[count++] = {string_at(object, "\"model\""), string_at(object, "\"uuid\""),
                    number_at(object, "\"minor\"")};
  }
  return count;
}

}  // namespace simdriver
