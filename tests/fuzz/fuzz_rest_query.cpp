// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rest/arguments.hpp"
#include "rest/query.hpp"

namespace {

using namespace nvhook;
using namespace nvhook::rest;

void demand(bool holds) {
  if (!holds) std::abort();
}

// Three GPUs, one of which has neither UUID nor node.
Facts host() {
  Facts facts;
  facts.nvml.driver = "550.54.14";
  facts.nvml.gpus.resize(3);
  for (const std::uint32_t i : {0U, 2U}) {
    facts.nvml.gpus[i].minor = i;
    facts.nvml.gpus[i].uuid = "GPU-" + std::to_string(i) + "a";
  }
  return facts;
}

// "dev=...&vol=..." by which the same query is said with escapes alone.
std::string encoded(const Query& query) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  const auto add = [&](std::string_view name, std::string_view value) {
    ((text += name) += '=');
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      ((text += '%') += kDigits[byte >> 4U]) += kDigits[byte & 0xfU];
    }
  };
  add("vol", query.vol);
  add("&dev", query.dev);
  return text;
}

void check_chosen(const Query& query, const Facts& facts) {
  const auto chosen = choose_gpus(query.dev, facts.nvml.gpus);
  if (!chosen) return;
  demand(std::ranges::is_sorted(*chosen));
  demand(std::ranges::adjacent_find(*chosen) == chosen->end());
  demand(!chosen->empty() && chosen->back() < facts.nvml.gpus.size());
}

// What is refused is told in one line of printable ASCII, and not at length.
void check_refusal(const std::variant<Refusal, Failure>& why) {
  const auto* refusal = std::get_if<Refusal>(&why);
  if (refusal == nullptr) return;
  demand(refusal->starts_with("invalid device: ") || refusal->starts_with("invalid volume: "));
  demand(refusal->size() < 2048);
  demand(std::ranges::all_of(*refusal, [](char c) { return c >= ' ' && c <= '~'; }));
}

// A command line is made of nothing but what we know.
void check_arguments(const DockerArguments& arguments) {
  constexpr std::string_view kSafe =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=, -";
  const auto text = docker_text(arguments);
  demand(text.find_first_not_of(kSafe) == std::string::npos);
  demand(!arguments.volumes.empty() && arguments.devices.size() >= 2);
  demand(!docker_json(arguments).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Facts facts = host();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto query = parse_query(text);
  const auto again = parse_query(encoded(query));
  demand(again.dev == query.dev && again.vol == query.vol);
  check_chosen(query, facts);
  const auto arguments = docker_arguments(facts, text);
  if (arguments)
    check_arguments(*arguments);
  else
    check_refusal(arguments.error());
  return 0;
}
