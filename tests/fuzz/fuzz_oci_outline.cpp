// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "nvhook/oci/config.hpp"
#include "nvhook/oci/outline.hpp"
#include "nvhook/oci/state.hpp"
#include "nvhook/request/parse.hpp"

namespace {

using namespace nvhook::oci;

// A glance at a state ends the run for a stopped container, and tells whose config.json to read.
void check_state(std::string_view text) {
  const auto state = parse_state(text);
  if (!state) return;
  if (!looks_whole(text)) std::abort();
  const auto status = find_member(text, "status");
  if (status && *status != state->status) std::abort();
  if (status == "stopped" && state->pid) std::abort();
  if (const auto found = find_number(text, "pid"); found && state->pid)
    if (std::cmp_not_equal(*found, *state->pid)) std::abort();
  for (const auto& [key, value] : {std::pair("id", state->id), std::pair("bundle", state->bundle)})
    if (const auto found = find_member(text, key); found && *found != value) std::abort();
  if (const auto found = find_member(text, "root"); found && *found != state->root.value_or(""))
    std::abort();
}

// A glance at a config.json ends the run for a container that asks for nothing.
void check_config(std::string_view text) {
  const nvhook::request::Rules rules{.accept_volume_mounts = true,
                                     .swarm_resources = {"SWARM", "a/b\"c"}};
  const auto config = parse_config(text, rules.swarm_resources);
  if (!config) return;
  if (!looks_whole(text)) std::abort();
  if (mentions_gpu(text, rules.swarm_resources)) return;
  const auto asked = nvhook::request::parse(*config, rules);
  if (!asked || !std::holds_alternative<nvhook::request::NothingAsked>(asked->asked)) std::abort();
}

// Walks with somebody else's parser over what neither of ours has to know.
class Depth final : public nlohmann::json_sax<nlohmann::json> {
 public:
  [[nodiscard]] int most() const { return most_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  bool enter() {
    most_ = std::max(most_, ++depth_);
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  int most_ = 0;
};

// Whether this is an object, whatever its members, by RFC 8259 and without what our parsers refuse
// on top: a byte order mark, a NUL, more than 64 levels.
bool is_object(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == text.npos || text[first] != '{' || text.contains('\0')) return false;
  Depth depth;
  return nlohmann::json::sax_parse(text.begin(), text.end(), &depth) && depth.most() <= 64;
}

}  // namespace

// What the outline says never contradicts the parsers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_state(text);
  check_config(text);
  if (is_object(text) && !looks_whole(text)) std::abort();
  const auto found = find_member(text, "bundle");
  if (found && (found->data() <= text.data() || found->data()[-1] != '"' ||
                found->data()[found->size()] != '"'))
    std::abort();
  return 0;
}
