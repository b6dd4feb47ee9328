// SPDX-License-Identifier: Apache-2.0
#include "volumes/body.hpp"

#include <algorithm>
#include <cstddef>

#include "nvhook/oci/json.hpp"
#include "nvhook/volumes/plugin.hpp"

namespace nvhook::volumes {
namespace {

using oci::json::Scalar;
using oci::json::Type;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is(std::string_view key, std::string_view name) {
  return std::ranges::equal(key, name, {}, lower, lower);
}

class Reader final : public oci::json::Events {
 public:
  [[nodiscard]] Body take() && { return std::move(body_); }

  void key(std::string_view name) override {
    if (depth_ != 1) return;
    member_ = is(name, "Name") ? &name_ : is(name, "ID") ? &id_ : nullptr;
  }

  Result<void> scalar(const Scalar& value) override {
    if (depth_ == 0 && value.type != Type::Null) return no_object();
    if (depth_ != 1 || member_ == nullptr) return {};
    if (auto fine = count(); !fine) return fine;
    if (value.type == Type::Text)
      *member_->to = value.text;
    else if (member_ == &name_ && value.type != Type::Null)
      return no_text();
    return {};
  }

  Result<void> begin(Type type) override {
    if (depth_ == 0 && type != Type::Object) return no_object();
    if (depth_ == 1 && member_ != nullptr) {
      if (auto fine = count(); !fine) return fine;
      if (member_ == &name_) return no_text();
    }
    if (depth_ == kMaxBodyDepth)
      return failure(ErrorId::StateLimit,
                     "nested deeper than " + std::to_string(kMaxBodyDepth) + " levels");
    ++depth_;
    return {};
  }

  void end() override { --depth_; }

 private:
  struct Member {
    std::string* to;
    bool seen = false;
  };

  Result<void> count() {
    if (member_->seen) return failure(ErrorId::StateLimit, "it occurs twice");
    member_->seen = true;
    return {};
  }
  static std::unexpected<Error> no_object() {
    return failure(ErrorId::StateParse, "the body is no JSON object");
  }
  static std::unexpected<Error> no_text() { return failure(ErrorId::StateParse, "it is no text"); }

  Body body_;
  Member name_{&body_.name};
  Member id_{&body_.id};
  Member* member_ = nullptr;  // whose value comes next
  std::size_t depth_ = 0;
};

}  // namespace

Result<Body> parse_body(std::string_view text) {
  if (text.size() > kMaxBody)
    return failure(ErrorId::StateLimit,
                   "a body of more than " + std::to_string(kMaxBody) + " bytes");
  Reader reader;
  if (auto done = oci::json::walk(text, reader); !done)
    return std::unexpected(std::move(done).error());
  return std::move(reader).take();
}

}  // namespace nvhook::volumes
