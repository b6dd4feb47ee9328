// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/oci/json.hpp"
#include "room.hpp"

namespace nvhook::oci::json {

// One place of a document that we read: what is due there and where it goes. A document is
// described by tables of places, each the members of an object or the element of an array; what no
// table names is skipped.
template <class Doc>
struct Place {
  std::string_view key = {};  // empty for the element of an array
  Type type = Type::Null;
  ErrorId mismatch = ErrorId::StateField;               // when something else stands there
  Result<void> (*take)(Doc&, const Scalar&) = nullptr;  // of a scalar
  Result<void> (*begin)(Doc&) = nullptr;                // of an object in a list: a new one
  std::span<const Place> inside = {};                   // of an object or array
};

// How a scalar of the type that is due becomes a member.
inline Result<void> assign(std::string& to, const Scalar& value) {
  to = value.text;
  return {};
}
inline Result<void> assign(std::optional<std::string>& to, const Scalar& value) {
  to = value.text;
  return {};
}
inline Result<void> assign(bool& to, const Scalar& value) {
  to = value.boolean;
  return {};
}
inline Result<void> assign(std::uint32_t& to, const Scalar& value) {
  if (value.integer < 0 || value.integer > std::numeric_limits<std::uint32_t>::max())
    return failure(ErrorId::StateField, std::to_string(value.integer) + " is out of range");
  to = static_cast<std::uint32_t>(value.integer);
  return {};
}
inline Result<void> assign(std::optional<std::int64_t>& to, const Scalar& value) {
  to = value.integer;
  return {};
}

// Whether `bytes` more of the document may be kept; `room` is a Room of the document.
template <class Doc>
Result<void> keep(Doc& doc, std::size_t bytes) {
  if (doc.room.take(bytes)) return {};
  return failure(ErrorId::StateLimit, "more than " + std::to_string(kMaxKept) +
                                          " bytes of mounts and other things that concern nvhook");
}

// A new last element of the list.
template <class Doc, class Element, class... Value>
Result<void> grow_list(Doc& doc, std::vector<Element>& list, const Value&... value) {
  if (auto kept = keep(doc, (sizeof(Element) + ... + value.size())); !kept) return kept;
  list.emplace_back(value...);
  return {};
}

// For Place::take: into a member; into a member of the last object of a list; as a new last string
// of a list; as a new last string of a list in the last object of a list.
template <auto kMember, class Doc>
Result<void> set(Doc& doc, const Scalar& value) {
  if (auto kept = keep(doc, value.text.size()); !kept) return kept;
  return assign(doc.*kMember, value);
}
template <auto kList, auto kMember, class Doc>
Result<void> set_last(Doc& doc, const Scalar& value) {
  if (auto kept = keep(doc, value.text.size()); !kept) return kept;
  return assign((doc.*kList).back().*kMember, value);
}
template <auto kList, class Doc>
Result<void> append(Doc& doc, const Scalar& value) {
  return grow_list(doc, doc.*kList, value.text);
}
template <auto kList, auto kMember, class Doc>
Result<void> append_last(Doc& doc, const Scalar& value) {
  return grow_list(doc, (doc.*kList).back().*kMember, value.text);
}

// For Place::begin: a new last object of a list.
template <auto kList, class Doc>
Result<void> grow(Doc& doc) {
  return grow_list(doc, doc.*kList);
}

inline std::string_view name_of(Type type) {
  constexpr std::array<std::string_view, 7> kNames = {
      "null", "a boolean", "an integer", "a number", "a string", "an array", "an object"};
  return kNames[static_cast<std::size_t>(type)];
}

inline bool same_but_for_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// Fills a document from its parts. Null stands for an absent member, as in Go's encoding/json,
// which the runtimes use. That reader also takes "PID" for "pid": such a key is refused, so that
// the runtime and we cannot read different values.
template <class Doc>
class Filler final : public Events {
 public:
  Filler(Doc& doc, const Place<Doc>& whole) : doc_(doc), whole_(&whole, 1) {}

  void key(std::string_view name) override {
    const auto members = inside();
    const auto first =
        std::ranges::find_if(members, [name](const auto& place) { return place.key == name; });
    const auto last =
        std::find_if(first, members.end(), [name](const auto& place) { return place.key != name; });
    choices_ = {first, last};
    miscased_ = nullptr;
    if (!choices_.empty()) return;
    for (const auto& place : members)
      if (same_but_for_case(place.key, name)) miscased_ = &place;
  }

  Result<void> scalar(const Scalar& value) override {
    auto place = choose(value.type);
    if (!place) return std::unexpected(std::move(place).error());
    return *place == nullptr ? Result<void>() : (*place)->take(doc_, value);
  }

  Result<void> begin(Type type) override {
    auto place = choose(type);
    if (!place) return std::unexpected(std::move(place).error());
    if (*place != nullptr && (*place)->begin != nullptr)
      if (auto begun = (*place)->begin(doc_); !begun) return begun;
    open_[depth_++] = {.place = *place, .type = type};
    return {};
  }

  void end() override { --depth_; }

 private:
  struct Open {
    const Place<Doc>* place = nullptr;  // nullptr: skipped, with all that is in it
    Type type = Type::Null;
  };

  // The places that may stand in what is open.
  [[nodiscard]] std::span<const Place<Doc>> inside() const {
    if (depth_ == 0) return whole_;
    const auto* place = open_[depth_ - 1].place;
    return place == nullptr ? std::span<const Place<Doc>>() : place->inside;
  }

  // The place for a value of this type; nullptr if it is to be skipped.
  [[nodiscard]] Result<const Place<Doc>*> choose(Type type) {
    const bool member = depth_ > 0 && open_[depth_ - 1].type == Type::Object;
    if (member && miscased_ != nullptr)
      return failure(ErrorId::StateField,
                     "the key differs from " + quote(miscased_->key) + " only by case");
    const auto choices = member ? choices_ : inside();
    for (const auto& place : choices)
      if (place.type == type) return &place;
    if (choices.empty() || (member && type == Type::Null)) return nullptr;
    return failure(choices.front().mismatch, "is " + std::string(name_of(type)) + ", " +
                                                 std::string(name_of(choices.front().type)) +
                                                 " is due");
  }

  Doc& doc_;
  std::span<const Place<Doc>> whole_;
  std::array<Open, kMaxDepth> open_;  // the walk goes no deeper
  std::size_t depth_ = 0;
  std::span<const Place<Doc>> choices_;   // for the value of the key read last
  const Place<Doc>* miscased_ = nullptr;  // what that key looks like but for case
};

}  // namespace nvhook::oci::json
