// SPDX-License-Identifier: Apache-2.0
#include "support_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "nvhook/base/quote.hpp"

namespace nvhook::compat {
namespace {

constexpr int kMaxDepth = 8;  // open objects and arrays; two are needed

enum class Field : std::uint8_t { Format, CudaVersion, Driver, Device, None };

// As the files of today have them, but for case.
constexpr std::array<std::string_view, 4> kFields = {"format", "cuda version", "driver", "device"};

Field field_of(std::string_view key) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (std::size_t i = 0; i < kFields.size(); ++i)
    if (std::ranges::equal(key, kFields[i], {}, lower)) return static_cast<Field>(i);
  return Field::None;
}

// Takes the parts of the text in their order. Its callbacks answer whether to go on, as
// nlohmann::json_sax wants it; nlohmann's own parser does not recurse.
class Reader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  [[nodiscard]] std::expected<Support, std::string> take() && {
    if (!why_.empty()) return std::unexpected(std::move(why_));
    return std::move(support_);
  }
  bool refuse(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
  }

  bool null() override { return wants_nothing() || mismatch(); }
  bool boolean(bool /*value*/) override { return wants_nothing() || mismatch(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    return wants_nothing() || mismatch();
  }
  bool number_integer(number_integer_t /*negative*/) override {
    return wants_nothing() || mismatch();
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (wants_nothing()) return true;
    if (value > std::numeric_limits<std::uint32_t>::max()) return mismatch();
    const auto number = static_cast<std::uint32_t>(value);
    if (depth_ == 1 && field_ == Field::Format) {
      support_.format = number;
      return true;
    }
    auto* list = open_list();
    if (list == nullptr) return mismatch();
    if (list->size() == kMaxNumbers) return refuse(name() + " has too many numbers");
    list->push_back(number);
    return true;
  }
  bool string(string_t& value) override {
    if (wants_nothing()) return true;
    if (depth_ != 1 || field_ != Field::CudaVersion || !is_cuda_version(value)) return mismatch();
    support_.cuda_version = value;
    return true;
  }
  bool binary(binary_t& /*value*/) override { return mismatch(); }

  bool start_object(std::size_t /*elements*/) override {
    if (depth_ > 0 && !wants_nothing()) return mismatch();
    return begin();
  }
  bool start_array(std::size_t /*elements*/) override {
    const bool is_list = depth_ == 1 && (field_ == Field::Driver || field_ == Field::Device);
    if (!is_list && !wants_nothing()) return mismatch();
    return begin();
  }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }

  bool key(string_t& name) override {
    if (depth_ > 1) return true;
    field_ = field_of(name);
    if (field_ == Field::None) return true;
    auto& seen = seen_[static_cast<std::size_t>(field_)];
    if (std::exchange(seen, true)) return refuse("key " + quote(name) + " occurs twice");
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& /*problem*/) override {
    return refuse("its text is no JSON at byte " + std::to_string(position));
  }

 private:
  // Whether the value at hand is of a key that is passed over.
  [[nodiscard]] bool wants_nothing() const { return depth_ > 0 && field_ == Field::None; }

  [[nodiscard]] std::vector<std::uint32_t>* open_list() {
    if (depth_ != 2) return nullptr;
    return field_ == Field::Driver   ? &support_.drivers
           : field_ == Field::Device ? &support_.devices
                                     : nullptr;
  }

  [[nodiscard]] std::string name() const {
    return field_ == Field::None ? "its text" : quote(kFields[static_cast<std::size_t>(field_)]);
  }
  bool mismatch() { return refuse(name() + " is not as it should be"); }

  bool begin() { return ++depth_ <= kMaxDepth || refuse("its text is nested too deeply"); }
  bool end() {
    if (--depth_ == 1) field_ = Field::None;
    return true;
  }

  Support support_;
  std::string why_;
  int depth_ = 0;
  Field field_ = Field::None;  // of the object's key that was read last
  std::array<bool, kFields.size()> seen_{};
};

}  // namespace

bool is_cuda_version(std::string_view text) {
  return text.size() <= kMaxCudaVersion &&
         std::ranges::all_of(text, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

std::expected<Support, std::string> parse_support(std::string_view text) {
  if (text.size() > kMaxNoteText) return std::unexpected("its text is too long");
  // nlohmann's lexer takes a NUL between tokens for the end (3.11.2, lexer::scan).
  if (text.contains('\0')) return std::unexpected("its text has a NUL");
  if (!text.starts_with('{')) return std::unexpected("its text is no JSON object");
  Reader reader;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader))
    (void)reader.refuse("its text is no JSON");
  return std::move(reader).take();
}

}  // namespace nvhook::compat
