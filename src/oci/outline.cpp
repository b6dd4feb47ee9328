// SPDX-License-Identifier: Apache-2.0
#include "nvhook/oci/outline.hpp"

#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "nvhook/oci/json.hpp"
#include "words.hpp"

namespace nvhook::oci {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Walks from token to token of a text that may be JSON. Brackets are kept as one bit each, which
// is why the depth that parsing allows is all the depth there is.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  enum class Token : std::uint8_t { Open, Close, String, Other, End, Broken };

  Token next() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    if (at_ == text_.size()) return depth_ == 0 ? Token::End : Token::Broken;
    switch (text_[at_]) {
      case '{':
      case '[':
        return open();
      case '}':
      case ']':
        return close();
      case '"':
        return string();
      default:
        ++at_;
        return Token::Other;
    }
  }

  // How many brackets are open.
  [[nodiscard]] std::size_t depth() const { return depth_; }
  // The string just walked over, between its quotation marks, as written.
  [[nodiscard]] std::string_view raw_string() const { return string_; }
  // What has not been walked over yet.
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  // Whether a colon comes next: the string just walked over was a key.
  [[nodiscard]] bool before_colon() const {
    auto i = at_;
    while (i < text_.size() && is_blank(text_[i])) ++i;
    return i < text_.size() && text_[i] == ':';
  }

 private:
  static_assert(json::kMaxDepth == 64, "one bit of open_ per level");

  Token open() {
    if (depth_ == json::kMaxDepth) return Token::Broken;
    open_ = (open_ << 1U) | (text_[at_] == '{' ? 1U : 0U);
    ++depth_;
    ++at_;
    return Token::Open;
  }

  Token close() {
    const std::uint64_t expected = text_[at_] == '}' ? 1 : 0;
    if (depth_ == 0 || (open_ & 1U) != expected) return Token::Broken;
    open_ >>= 1U;
    --depth_;
    ++at_;
    return Token::Close;
  }

  Token string() {
    const auto first = ++at_;
    for (;; at_ += 2) {  // over a backslash and what it escapes
      at_ = text_.find_first_of("\"\\", at_);
      if (at_ >= text_.size()) break;
      if (text_[at_] == '"') {
        string_ = text_.substr(first, at_ - first);
        ++at_;
        return Token::String;
      }
    }
    at_ = text_.size();
    return Token::Broken;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint64_t open_ = 0;  // the innermost bracket lowest: 1 for an object, 0 for an array
  std::size_t depth_ = 0;
  std::string_view string_;
};

// As std::string_view::contains, which takes many times longer over megabytes.
bool occurs(std::string_view word, std::string_view text) {
  if (text.empty()) return false;  // memmem wants a pointer, even to nothing
  return ::memmem(text.data(), text.size(), word.data(), word.size()) != nullptr;
}

}  // namespace

bool looks_whole(std::string_view json) {
  Walker walker(json);
  if (walker.next() != Walker::Token::Open || json[json.find_first_not_of(" \t\n\r")] != '{')
    return false;
  while (walker.depth() > 0)
    if (walker.next() == Walker::Token::Broken) return false;
  return walker.next() == Walker::Token::End;
}

namespace {

// The text from the value of the member `key` of the outermost object on. Nothing if there is none,
// it repeats, or a key beside it has an escape.
std::optional<std::string_view> value_of(std::string_view json, std::string_view key) {
  if (!looks_whole(json)) return std::nullopt;
  Walker walker(json);
  std::optional<std::string_view> value;
  for (auto token = walker.next(); token != Walker::Token::End; token = walker.next()) {
    if (token != Walker::Token::String || walker.depth() != 1 || !walker.before_colon()) continue;
    // An escape can make any key of it.
    if (walker.raw_string().contains('\\')) return std::nullopt;
    if (walker.raw_string() != key) continue;
    if (value) return std::nullopt;  // no parser may choose between the two
    (void)walker.next();             // the colon
    value = walker.rest();
  }
  return value;
}

}  // namespace

std::optional<std::string_view> find_member(std::string_view json, std::string_view key) {
  const auto value = value_of(json, key);
  if (!value) return std::nullopt;
  Walker walker(*value);
  if (walker.next() != Walker::Token::String || walker.raw_string().contains('\\'))
    return std::nullopt;
  return walker.raw_string();
}

std::optional<std::uint32_t> find_number(std::string_view json, std::string_view key) {
  auto value = value_of(json, key);
  if (!value) return std::nullopt;
  value->remove_prefix(std::min(value->find_first_not_of(" \t\n\r"), value->size()));
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc() || value->starts_with('0')) return std::nullopt;
  value->remove_prefix(static_cast<std::size_t>(end - value->data()));
  const bool whole = value->find_first_of(" \t\n\r,}") == 0;
  return whole ? std::optional(number) : std::nullopt;
}

bool has_gpu_word(std::string_view text) {
  constexpr std::array<std::string_view, 3> kWords = {"NVIDIA_", "CUDA_VERSION",
                                                      "nvidia-container-devices"};
  return std::ranges::any_of(kWords, [&](auto word) { return occurs(word, text); });
}

namespace {

// Whether a string of the JSON text may have the name in it, if there are no escapes by number.
bool may_have(std::string_view name, std::string_view json) {
  constexpr std::string_view kMayBeEscaped = "\"\\/\b\f\n\r\t";
  return occurs(name, json) ||
         (name.find_first_of(kMayBeEscaped) != name.npos && occurs("\\", json));
}

}  // namespace

bool mentions_gpu(std::string_view config_json, std::span<const std::string> more_names) {
  return has_gpu_word(config_json) || occurs("\\u", config_json) ||
         std::ranges::any_of(more_names, [&](auto& name) { return may_have(name, config_json); });
}

}  // namespace nvhook::oci
