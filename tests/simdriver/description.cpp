// SPDX-License-Identifier: Apache-2.0
#include "description.hpp"

#include <unistd.h>

#include <csignal>

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
//   {"driver": "550.54.14", "cuda": 12040, "root": "/tmp/driver", "gpus": [
//   {"model": "NVIDIA L4", "uuid": "GPU-...", "minor": 0, "bus": "0000:01:00.0", "brand": 2,
//    "mig": ["0 MIG-... 1 0", "2 MIG-... 5 0"], "power_mw": 20000},
//   {"model": "NVIDIA L4", "uuid": "GPU-...", "minor": 1, "bus": "0000:09:00.0", "brand": 2}
//   ]}
// "lost": 1 in a GPU makes it one that is lost, "lost_at_first": 2 when it is asked for twice.
// "power_mw_swing": 5000 beside "power_mw" lets it change with each second, by that much at most.
// A description may also have "hang": "nvmlInit_v2", "crash": "nvmlDeviceGetName", "flood":
// "nvmlDeviceGetName", and "fail": "nvmlDeviceGetBrand=15 nvmlDeviceGetUUID=3"; with "spared": 3
// nothing happens in the first three calls of them.
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

unsigned long long number_at(std::string_view object, std::string_view quoted_key) {
  return to_number(after(after(object, quoted_key), ": "));
}

// "\"key\"", in a buffer of the caller's.
struct Quoted {
  explicit Quoted(const char* key) {
    std::size_t size = 0;
    text[size++] = '"';
    while (*key != '\0' && size < sizeof text - 1) text[size++] = *key++;
    text[size++] = '"';
    view = {text, size};
  }
  char text[64];
  std::string_view view;
};

}  // namespace

std::string_view driver_version() { return string_at(whole_text(), "\"driver\""); }

int cuda_version() { return static_cast<int>(number_at(whole_text(), "\"cuda\"")); }

std::string_view root() { return string_at(whole_text(), "\"root\""); }

namespace {

// Whether something is to happen now in such a function. Counts the calls, of one function only.
bool is_due() {
  static unsigned long long calls = 0;
  return calls++ >= number_at(whole_text(), "\"spared\"");
}

bool is_fate(std::string_view what, const char* function) {
  return string_at(whole_text(), what) == function && is_due();
}

[[noreturn]] void flood() {
  char blanks[4096];
  for (auto& c : blanks) c = ' ';
  for (;;)
    for (int fd = 1; fd < 64; ++fd) (void)!::write(fd, blanks, sizeof blanks);
}

}  // namespace

int fate_of(const char* function) {
  if (is_fate("\"hang\"", function))
    for (;;) ::pause();
  if (is_fate("\"crash\"", function)) ::kill(::getpid(), SIGSEGV);
  if (is_fate("\"flood\"", function)) flood();
  auto codes = string_at(whole_text(), "\"fail\"");
  while (!codes.empty()) {
    const auto one = before(codes, ' ');
    if (before(one, '=') == function && is_due())
      return static_cast<int>(to_number(after(one, "=")));
    codes = after(codes, " ");
  }
  return 0;
}

unsigned long long to_number(std::string_view digits) {
  unsigned long long value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') break;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

bool number_of(const Gpu& gpu, const char* key, unsigned long long& value) {
  const Quoted quoted(key);
  if (after(gpu.text, quoted.view).empty()) return false;
  value = number_at(gpu.text, quoted.view);
  return true;
}

std::string_view element_of(const Gpu& gpu, const char* key, std::size_t index) {
  auto list = before(after(after(gpu.text, Quoted(key).view), "["), ']');
  for (; index > 0; --index) list = after(after(list, "\""), "\"");
  return before(after(list, "\""), '"');
}

std::string_view field_of(std::string_view element, std::size_t index) {
  for (; index > 0; --index) element = after(element, " ");
  return before(element, ' ');
}

std::size_t gpus(Gpu (&out)[kMaxGpus]) {
  std::size_t count = 0;
  auto rest = after(whole_text(), "\"gpus\"");
  while (count < kMaxGpus) {
    rest = after(rest, "{");
    if (rest.empty()) break;
    const auto object = before(rest, '}');
    out[count++] = {string_at(object, "\"model\""), string_at(object, "\"uuid\""),
                    static_cast<unsigned>(number_at(object, "\"minor\"")), object};
  }
  return count;
}

}  // namespace simdriver
