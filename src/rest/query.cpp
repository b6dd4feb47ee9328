// SPDX-License-Identifier: Apache-2.0
#include "rest/query.hpp"

#include <charconv>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

namespace nvhook::rest {
namespace {

// Cuts the part in front of one of `dividers` off the front of `text`, or all of it.
std::string_view cut(std::string_view& text, std::string_view dividers) {
  const auto end = std::min(text.find_first_of(dividers), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::optional<char> from_hex(std::string_view digits) {
  unsigned byte = 0;
  const auto [at, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
  if (digits.size() != 2 || error != std::errc() || at != digits.data() + 2) return std::nullopt;
  return static_cast<char>(static_cast<unsigned char>(byte));
}

std::optional<std::string> decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const auto byte = from_hex(text.substr(i + 1, 2));
    if (!byte) return std::nullopt;
    decoded += *byte;
    i += 2;
  }
  return decoded;
}

// Legacy texts name the piece as it came. What a terminal could take for more than text does not go
// out like that, nor without end.
Refusal refusal(std::string_view what, std::string_view piece) {
  constexpr std::size_t kMostShown = 256;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(what);
  for (const char c : piece.substr(0, kMostShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 0x7f)
      text += c;
    else
      (((text += "\\x") += kDigits[byte >> 4U]) += kDigits[byte & 0xfU]);
  }
  return piece.size() > kMostShown ? text + "..." : text;
}

// Calls `take` with each piece between single blanks, until it returns false.
template <class Take>
void split(std::string_view value, const Take& take) {
  for (std::size_t begin = 0; begin <= value.size();) {
    const auto end = std::min(value.find(' ', begin), value.size());
    if (!take(value.substr(begin, end - begin))) return;
    begin = end + 1;
  }
}

// As Go's strconv.Atoi: a sign, then decimal digits and nothing else.
std::optional<std::size_t> index_of(std::string_view piece) {
  const bool negative = piece.starts_with('-');
  if (negative || piece.starts_with('+')) piece.remove_prefix(1);
  std::size_t number = 0;
  const auto* end = piece.data() + piece.size();
  const auto [at, error] = std::from_chars(piece.data(), end, number);
  if (error != std::errc() || at != end || (negative && number != 0)) return std::nullopt;
  return number;
}

std::optional<std::size_t> find_gpu(std::string_view piece, std::span<const nvml::Gpu> gpus) {
  if (piece.starts_with("GPU-")) {
    for (std::size_t i = 0; i < gpus.size(); ++i)
      if (gpus[i].uuid && gpus[i].uuid->starts_with(piece)) return i;
    return std::nullopt;
  }
  const auto index = index_of(piece);
  return index && *index < gpus.size() ? index : std::nullopt;
}

}  // namespace

Query parse_query(std::string_view query) {
  std::optional<std::string> dev;
  std::optional<std::string> vol;
  while (!query.empty()) {
    auto value = cut(query, "&;");
    const auto name = decode(cut(value, "="));
    if (!name) continue;
    auto* wanted = *name == "dev" ? &dev : *name == "vol" ? &vol : nullptr;
    if (wanted != nullptr && !*wanted) *wanted = decode(value);
  }
  return {.dev = std::move(dev).value_or(""), .vol = std::move(vol).value_or("")};
}

bool asks_for_all(std::string_view value) { return value.empty() || value == "*"; }

std::expected<std::vector<std::size_t>, Refusal> choose_gpus(std::string_view dev,
                                                             std::span<const nvml::Gpu> gpus) {
  if (asks_for_all(dev)) {
    std::vector<std::size_t> all(gpus.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
  }
  std::set<std::size_t> chosen;
  std::optional<Refusal> refused;
  split(dev, [&](std::string_view piece) {
    const auto gpu = find_gpu(piece, gpus);
    if (gpu)
      chosen.insert(*gpu);
    else
      refused = refusal("invalid device: ", piece);
    return gpu.has_value();
  });
  if (refused) return std::unexpected(std::move(*refused));
  return std::vector<std::size_t>(chosen.begin(), chosen.end());
}

std::expected<std::size_t, Refusal> count_volumes(std::string_view vol) {
  if (asks_for_all(vol)) return 1;
  std::size_t count = 0;
  std::optional<Refusal> refused;
  split(vol, [&](std::string_view piece) {
    if (piece != "nvidia_driver") refused = refusal("invalid volume: ", piece);
    ++count;
    return !refused;
  });
  if (refused) return std::unexpected(std::move(*refused));
  return count;
}

}  // namespace nvhook::rest
