// SPDX-License-Identifier: Apache-2.0
#include "nvhook/oci/json.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "nvhook/base/quote.hpp"

namespace nvhook::oci::json {
namespace {

// The longest stretch of text without a quotation mark: a string of kMaxString bytes, each written
// as an escape of six. Nothing else that is worth reading is longer.
constexpr std::size_t kMaxStretch = 6 * kMaxString;

// The most line ends and tabs in such a stretch: kMaxElements numbers, each on a line, indented.
// An error's text has eight bytes for each of them, several times over (nlohmann/json 3.11.2,
// lexer::get_token_string).
constexpr std::size_t kMaxControls = 8 * kMaxElements;

// Keys that are remembered at one time: two objects inside each other may be full, and they have
// room for what Kubernetes allows of annotations four times.
constexpr std::size_t kMaxOpenKeys = 2 * kMaxElements;
constexpr std::size_t kMaxOpenKeyBytes = std::size_t{1} << 20U;

// The lexer collects a token, and all blanks, brackets and literals between two tokens, before it
// hands anything out (nlohmann/json 3.11.2, lexer::token_string). So bound that first.
bool has_long_stretch(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  while (!text.empty()) {
    const auto stretch = text.substr(0, text.substr(0, kMaxStretch + 1).find('"'));
    if (stretch.size() > kMaxStretch) return true;
    if (static_cast<std::size_t>(std::ranges::count_if(stretch, is_control)) > kMaxControls)
      return true;
    text.remove_prefix(std::min(stretch.size() + 1, text.size()));
  }
  return false;
}

// A key as it stands in messages: "env" bare, anything unusual quoted.
std::string shown(std::string_view key) {
  constexpr std::size_t kMaxBare = 64;
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const bool bare = !key.empty() && key.size() <= kMaxBare && std::ranges::all_of(key, plain);
  return bare ? std::string(key) : quote(key);
}

// Stands between nlohmann's parser and Events: keeps the limits, finds repeated keys, and knows
// the place for messages. Its callbacks answer whether to go on, as nlohmann::json_sax wants it.
class Handler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Handler(Events& events) : events_(events) {}

  [[nodiscard]] std::optional<Error> take_error() { return std::move(error_); }

  bool null() override { return scalar({}); }
  bool boolean(bool value) override { return scalar({.type = Type::Boolean, .boolean = value}); }
  bool number_integer(number_integer_t value) override {
    return scalar({.type = Type::Integer, .integer = value});
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
      return scalar({.type = Type::Number});
    return scalar({.type = Type::Integer, .integer = static_cast<std::int64_t>(value)});
  }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    return scalar({.type = Type::Number});
  }
  bool string(string_t& value) override {
    return count_element() && check_text(value) && scalar_here({.type = Type::Text, .text = value});
  }
  bool binary(binary_t& /*value*/) override { return refuse(ErrorId::Bug, "binary JSON"); }

  bool start_object(std::size_t /*elements*/) override { return begin(Type::Object); }
  bool start_array(std::size_t /*elements*/) override { return begin(Type::Array); }
  bool end_array() override { return end(); }
  bool end_object() override {
    const auto repeated = repeated_key();
    for (; keys_.size() > top().first_key; keys_.pop_back()) key_bytes_ -= keys_.back().size();
    if (!repeated) return end();
    --depth_;  // the place is that of the object
    return refuse(ErrorId::StateParse, "key " + quote(*repeated) + " occurs twice");
  }

  bool key(string_t& name) override {
    keys_.push_back(name);
    key_bytes_ += name.size();
    if (key_bytes_ > kMaxOpenKeyBytes)
      return refuse(ErrorId::StateLimit,
                    "keys of more than " + std::to_string(kMaxOpenKeyBytes) + " bytes");
    if (keys_.size() - top().first_key > kMaxElements || keys_.size() > kMaxOpenKeys)
      return refuse(ErrorId::StateLimit,
                    "object with more than " + std::to_string(kMaxElements) + " keys");
    if (!check_text(name)) return false;
    events_.key(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::json::exception& problem) override {
    constexpr int kNumberOverflow = 406;  // nlohmann/json, "json.exception.out_of_range.406"
    constexpr std::size_t kShown = 32;
    const auto tail = std::string_view(last_token)
                          .substr(last_token.size() - std::min(last_token.size(), kShown));
    return refuse(ErrorId::StateParse,
                  "byte " + std::to_string(position) +
                      (problem.id == kNumberOverflow ? ": number too large: " : ": not JSON: ") +
                      quote(tail));
  }

 private:
  struct Level {
    Type type = Type::Object;
    std::size_t first_key = 0;  // of an object: where its keys begin in keys_
    std::size_t elements = 0;   // of an array: how many came so far
  };

  Level& top() { return levels_[depth_ - 1]; }

  bool refuse(ErrorId id, std::string why) { return refuse(Error(id, std::move(why))); }
  bool refuse(Error&& error) {
    auto where = place();
    error_ = where.empty() ? std::move(error) : std::move(error).within(where);
    return false;
  }

  // "process.env[3]": the keys and array indices that lead to the current value.
  [[nodiscard]] std::string place() const {
    std::string text;
    for (std::size_t i = 0; i < depth_; ++i) {
      const auto& level = levels_[i];
      if (level.type == Type::Array) {
        if (level.elements > 0) text += "[" + std::to_string(level.elements - 1) + "]";
        continue;
      }
      const auto end = i + 1 < depth_ ? levels_[i + 1].first_key : keys_.size();
      if (end == level.first_key) continue;  // an object of which no key was read yet
      if (!text.empty()) text += '.';
      text += shown(keys_[end - 1]);
    }
    return text;
  }

  bool check_text(std::string_view text) {
    if (text.size() > kMaxString)
      return refuse(ErrorId::StateLimit,
                    "string longer than " + std::to_string(kMaxString) + " bytes");
    if (text.find('\0') != text.npos) return refuse(ErrorId::StateParse, "string contains a NUL");
    return true;
  }

  bool count_element() {
    if (depth_ == 0 || top().type != Type::Array) return true;
    if (++top().elements > kMaxElements)
      return refuse(ErrorId::StateLimit,
                    "array with more than " + std::to_string(kMaxElements) + " elements");
    return true;
  }

  bool scalar(const Scalar& value) { return count_element() && scalar_here(value); }
  bool scalar_here(const Scalar& value) {
    auto taken = events_.scalar(value);
    return taken ? true : refuse(std::move(taken).error());
  }

  bool begin(Type type) {
    if (!count_element()) return false;
    if (depth_ == kMaxDepth)
      return refuse(ErrorId::StateLimit, "nested deeper than " + std::to_string(kMaxDepth));
    auto begun = events_.begin(type);
    if (!begun) return refuse(std::move(begun).error());
    levels_[depth_++] = {.type = type, .first_key = keys_.size()};
    return true;
  }

  bool end() {
    --depth_;
    events_.end();
    return true;
  }

  // Sorting is linear enough for any object, and unlike a hash table nobody can slow it down.
  std::optional<std::string> repeated_key() {
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(top().first_key);
    std::sort(first, keys_.end());
    const auto twin = std::adjacent_find(first, keys_.end());
    return twin == keys_.end() ? std::nullopt : std::optional(*twin);
  }

  Events& events_;
  std::array<Level, kMaxDepth> levels_;
  std::size_t depth_ = 0;
  std::vector<std::string> keys_;  // of all open objects, outermost first
  std::size_t key_bytes_ = 0;      // in keys_
  std::optional<Error> error_;
};

}  // namespace

Result<void> walk(std::string_view text, Events& events) {
  // nlohmann's lexer skips a byte order mark, and takes a NUL between tokens for the end of the
  // text, with anything behind it (3.11.2, lexer::scan).
  if (text.starts_with("\xEF\xBB\xBF"))
    return failure(ErrorId::StateParse, "byte 0: not JSON: a byte order mark");
  if (const auto nul = text.find('\0'); nul != text.npos)
    return failure(ErrorId::StateParse, "byte " + std::to_string(nul) + ": not JSON: a NUL");
  if (has_long_stretch(text))
    return failure(ErrorId::StateLimit, "a string, number or run of blanks longer than " +
                                            std::to_string(kMaxStretch) + " bytes, or than " +
                                            std::to_string(kMaxControls) + " tabs and lines");

  Handler handler(events);
  const bool done = nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
  if (auto error = handler.take_error()) return std::unexpected(std::move(*error));
  if (!done) return failure(ErrorId::StateParse, "not JSON");
  return {};
}

}  // namespace nvhook::oci::json
