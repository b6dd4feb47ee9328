// SPDX-License-Identifier: Apache-2.0
#include "nvhook/oci/record.hpp"

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/byte_writer.hpp"
#include "room.hpp"
#include "rules.hpp"

namespace nvhook::oci {
namespace {

// The fields of each struct, in the order in which they are written: one list for both directions.
template <class T>
constexpr auto kFields = nullptr;
template <>
constexpr auto kFields<State> =
    std::tuple(&State::id, &State::status, &State::pid, &State::bundle, &State::root);
template <>
constexpr auto kFields<Mount> =
    std::tuple(&Mount::destination, &Mount::type, &Mount::source, &Mount::options);
template <>
constexpr auto kFields<Namespace> = std::tuple(&Namespace::type, &Namespace::path);
template <>
constexpr auto kFields<IdMapping> =
    std::tuple(&IdMapping::container_id, &IdMapping::host_id, &IdMapping::size);
template <>
constexpr auto kFields<DeviceRule> =
    std::tuple(&DeviceRule::allow, &DeviceRule::type, &DeviceRule::major, &DeviceRule::minor,
               &DeviceRule::access);
template <>
constexpr auto kFields<Config> =
    std::tuple(&Config::oci_version, &Config::root_path, &Config::root_readonly, &Config::env,
               &Config::bounding_capabilities, &Config::sys_admin, &Config::mounts,
               &Config::mount_label, &Config::cgroups_path, &Config::namespaces,
               &Config::uid_mappings, &Config::gid_mappings, &Config::device_rules);

// Strings as ByteWriter::text, numbers as they lie in memory, a flag as one byte of 0 or 1, an
// optional value as a flag and the value, a list as its count (u32) and its elements.
class Encoder {
 public:
  void put(const std::string& text) { out_.text(text); }
  void put(bool flag) { out_.put<std::uint8_t>(flag ? 1 : 0); }
  void put(std::uint32_t number) { out_.put(number); }
  void put(std::int32_t number) { out_.put(number); }
  void put(std::int64_t number) { out_.put(number); }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const auto& element : list) put(element);
  }
  template <class T>
  void put(const T& value) {
    std::apply([&](auto... field) { (put(value.*field), ...); }, kFields<T>);
  }

  [[nodiscard]] std::string take() && { return std::move(out_).take(); }

 private:
  ByteWriter out_;
};

// The reverse. Each function says whether such a value was there.
class Decoder {
 public:
  explicit Decoder(std::string_view record) : in_(bytes_of(record)) {}

  bool take(std::string& text) {
    const auto taken = in_.take_text();
    if (!taken || taken->contains('\0')) return false;  // before its NUL it is another path
    if (!room_.take(taken->size())) return false;
    text = *taken;
    return true;
  }
  bool take(bool& flag) {
    const auto taken = in_.take<std::uint8_t>();
    if (!taken || *taken > 1) return false;
    flag = *taken == 1;
    return true;
  }
  bool take(std::uint32_t& number) { return take_number(number); }
  bool take(std::int32_t& number) { return take_number(number); }
  bool take(std::int64_t& number) { return take_number(number); }
  template <class T>
  bool take(std::optional<T>& value) {
    bool present = false;
    if (!take(present)) return false;
    return !present || take(value.emplace());
  }
  template <class T>
  bool take(std::vector<T>& list) {
    constexpr std::size_t kLeastElement = sizeof(std::uint32_t);  // an empty string
    const auto count = in_.take<std::uint32_t>();
    if (!count || *count > in_.remaining() / kLeastElement) return false;
    for (std::uint32_t i = 0; i < *count; ++i)
      if (!room_.take(sizeof(T)) || !take(list.emplace_back())) return false;
    return true;
  }
  template <class T>
  bool take(T& value) {
    return std::apply([&](auto... field) { return (take(value.*field) && ...); }, kFields<T>);
  }

  [[nodiscard]] bool at_end() const { return in_.remaining() == 0; }

 private:
  template <class Number>
  bool take_number(Number& number) {
    const auto taken = in_.take<Number>();
    if (taken) number = *taken;
    return taken.has_value();
  }

  ByteReader in_;
  Room room_;  // what no parser keeps is not taken from its record either
};

template <class T>
std::string encoded(const T& value) {
  Encoder encoder;
  encoder.put(value);
  return std::move(encoder).take();
}

template <class T>
Result<T> decoded(std::string_view record, std::string_view what) {
  T value;
  Decoder decoder(record);
  if (!decoder.take(value) || !decoder.at_end())
    return failure(ErrorId::Bug, "record of the " + std::string(what) + " is damaged");
  if (auto checked = check(value); !checked)
    return std::unexpected(std::move(checked).error().within(what).as(ErrorId::Bug));
  return value;
}

}  // namespace

std::string encode(const State& state) { return encoded(state); }
std::string encode(const Config& config) { return encoded(config); }

Result<State> decode_state(std::string_view record) { return decoded<State>(record, "state"); }
Result<Config> decode_config(std::string_view record) {
  return decoded<Config>(record, "config.json");
}

}  // namespace nvhook::oci
