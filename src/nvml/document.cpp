// SPDX-License-Identifier: Apache-2.0
#include "nvhook/nvml/document.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/oci/json.hpp"
#include "nvml/fields.hpp"

namespace nvhook::nvml {
namespace {

using Json = nlohmann::json;
using Written = nlohmann::ordered_json;

constexpr std::string_view kSchema = "nvhook.nvml/1";
constexpr std::size_t kMaxList = 4096;  // processes of a GPU; of anything else far fewer
constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxVersion = 32;

// ---- to JSON

template <class Struct>
Written written(const Struct& from);

class Writer {
 public:
  template <class Value>
  void operator()(const char* key, const Value& value) {
    json_[key] = json_of(value);
  }
  [[nodiscard]] Written take() && { return std::move(json_); }

 private:
  template <class Value>
  static Written json_of(const std::optional<Value>& value) {
    return value ? json_of(*value) : Written(nullptr);
  }
  template <class Element>
  static Written json_of(const std::vector<Element>& list) {
    auto json = Written::array();
    for (const auto& each : list) json.push_back(json_of(each));
    return json;
  }
  template <class Value>
  static Written json_of(const Value& value) {
    if constexpr (std::is_arithmetic_v<Value> || std::same_as<Value, std::string>)
      return value;
    else
      return written(value);
  }

  Written json_ = Written::object();
};

template <class Struct>
Written written(const Struct& from) {
  Writer writer;
  fields(writer, from);
  return std::move(writer).take();
}

// ---- from JSON

// Of text in UTF-8 that is on its way to terminals: from the vendor, or from whoever gave a process
// its name. Some terminals obey the controls of Latin-1, U+0080 to U+009F, as well.
void hide_controls(std::string& text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  for (auto at = text.find('\xc2'); at != std::string::npos; at = text.find('\xc2', at + 1))
    if (static_cast<unsigned char>(text[at + 1]) < 0xa0) text.replace(at, 2, "?");
}

// Reads the members of one object. Once one has failed the others do nothing.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  template <class Value>
  void operator()(const char* key, Value& to) {
    if (failed_) return;
    const auto at = object_.find(key);
    if (at == object_.end())
      failed_ = Error(ErrorId::NvmlAnswer, "\"" + std::string(key) + "\" is missing");
    else if (auto taken = take(*at, to); !taken)
      failed_ = std::move(taken).error().within(key);
  }
  [[nodiscard]] std::optional<Error> failed() && { return std::move(failed_); }

 private:
  static std::unexpected<Error> wrong(std::string_view due) {
    return failure(ErrorId::NvmlAnswer, "not " + std::string(due));
  }

  template <class Value>
  static Result<void> take(const Json& json, std::optional<Value>& to) {
    return json.is_null() ? Result<void>() : take(json, to.emplace());
  }
  template <class Element>
  static Result<void> take(const Json& json, std::vector<Element>& to) {
    if (!json.is_array() || json.size() > kMaxList) return wrong("a list of at most 4096");
    for (const auto& each : json)
      if (auto taken = take(each, to.emplace_back()); !taken) return taken;
    return {};
  }
  static Result<void> take(const Json& json, std::string& to) {
    if (!json.is_string()) return wrong("a text");
    to = json.get_ref<const std::string&>();
    hide_controls(to);
    return to.size() <= kMaxText ? Result<void>() : wrong("a text of at most 1024 bytes");
  }
  static Result<void> take(const Json& json, bool& to) {
    if (!json.is_boolean()) return wrong("true or false");
    to = json.get<bool>();
    return {};
  }
  static Result<void> take(const Json& json, std::int32_t& to) {
    if (!json.is_number_integer()) return wrong("a number");
    const bool large = json.is_number_unsigned() && json.get<std::uint64_t>() > 999'999;
    const auto number = large ? -1'000'000 : json.get<std::int64_t>();
    if (number < -999'999) return wrong("a code");
    to = static_cast<std::int32_t>(number);
    return {};
  }
  template <class Number>
  requires std::is_unsigned_v<Number>
  static Result<void> take(const Json& json, Number& to) {
    if (!json.is_number_unsigned() ||
        json.get<std::uint64_t>() > std::numeric_limits<Number>::max())
      return wrong("a number in range");
    to = json.get<Number>();
    return {};
  }
  template <class Struct>
  requires std::is_class_v<Struct>
  static Result<void> take(const Json& json, Struct& to) {
    if (!json.is_object()) return wrong("an object");
    Reader inside(json);
    fields(inside, to);
    if (auto error = std::move(inside).failed()) return std::unexpected(std::move(*error));
    return {};
  }

  const Json& object_;
  std::optional<Error> failed_;
};

// For a walk that only looks at depth, lengths and repeated keys.
class Nothing final : public oci::json::Events {
 public:
  void key(std::string_view /*name*/) override {}
  Result<void> scalar(const oci::json::Scalar& /*value*/) override { return {}; }
  Result<void> begin(oci::json::Type /*type*/) override { return {}; }
  void end() override {}
};

// What versions are compared by: request::compare_versions() relies on it.
bool is_version(const std::optional<std::string>& text) {
  const auto fits = [](char c) { return c == '.' || (c >= '0' && c <= '9'); };
  return !text ||
         (!text->empty() && text->size() <= kMaxVersion && std::ranges::all_of(*text, fits));
}

Result<void> check_versions(const Nvml& nvml) {
  if (!is_version(nvml.cuda))
    return failure(ErrorId::NvmlAnswer, "cuda: " + quote(*nvml.cuda) + " is no version");
  for (const auto& gpu : nvml.gpus)
    if (!is_version(gpu.arch))
      return failure(ErrorId::NvmlAnswer, "arch: " + quote(*gpu.arch) + " is no version");
  return {};
}

}  // namespace

std::string to_json(const Nvml& nvml) {
  auto document = Written{{"schema", kSchema}};
  document.update(written(nvml));
  return document.dump(-1, ' ', true, Written::error_handler_t::replace) + "\n";
}

Result<Nvml> parse(std::string_view text) {
  if (text.size() > kMaxDocument)
    return failure(ErrorId::NvmlAnswer,
                   "more than " + std::to_string(kMaxDocument) + " bytes of an answer");
  Nothing nothing;
  if (auto walked = oci::json::walk(text, nothing); !walked)
    return std::unexpected(std::move(walked).error().as(ErrorId::NvmlAnswer));
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return failure(ErrorId::NvmlAnswer, "no JSON object");
  const auto schema = json.find("schema");
  if (schema == json.end() || *schema != kSchema)
    return failure(ErrorId::NvmlAnswer, "no document " + std::string(kSchema));
  Nvml nvml;
  Reader reader(json);
  fields(reader, nvml);
  if (auto error = std::move(reader).failed()) return std::unexpected(std::move(*error));
  if (auto fine = check_versions(nvml); !fine) return std::unexpected(std::move(fine).error());
  return nvml;
}

}  // namespace nvhook::nvml
