// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "escape.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/record/record.hpp"

namespace nvhook::record {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSchema = "nvhook.record/1";

std::string_view name_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::Mount:
      return "mount";
    case ObjectKind::Link:
      return "link";
    case ObjectKind::Directory:
      return "directory";
    case ObjectKind::File:
      return "file";
  }
  std::abort();  // every enumerator is handled above
}

// ---- to text
//
// Written out, for the hook does it: a document of the library's asks for memory where it may not
// fail, when it is taken apart. What escape() gives needs no escape of JSON's.

std::string text_of(std::string_view bytes) { return '"' + escape(bytes) + '"'; }

std::string text_of(const FileId& id) {
  return R"({"device":)" + std::to_string(id.device) + R"(,"inode":)" + std::to_string(id.inode) +
         "}";
}

std::string text_of(const Fingerprint& content) {
  return R"({"size":)" + std::to_string(content.size) + R"(,"hash":)" +
         std::to_string(content.hash) + "}";
}

std::string text_of(const Former& former);

template <class Value>
std::string text_of(const std::optional<Value>& value) {
  return value ? text_of(*value) : "null";
}

std::string text_of(const Identity& identity) {
  return R"({"boot_id":)" + text_of(identity.boot_id) + R"(,"start_time":)" +
         std::to_string(identity.start_time) + R"(,"mount_namespace":)" +
         text_of(identity.mount_namespace) + R"(,"cgroup":)" + text_of(identity.cgroup) + "}";
}

std::string text_of(const Device& device) {
  return R"({"path":)" + text_of(device.path.value) + R"(,"node":)" + text_of(device.node.value) +
         R"(,"major":)" + std::to_string(device.number.major) + R"(,"minor":)" +
         std::to_string(device.number.minor) + "}";
}

std::string text_of(const Former& former) {
  return R"({"link":)" + text_of(former.link_text) + R"(,"mode":)" + std::to_string(former.mode) +
         R"(,"owner":)" + std::to_string(former.owner) + R"(,"group":)" +
         std::to_string(former.group) + "}";
}

std::string text_of(const Object& object) {
  return R"({"kind":)" + text_of(name_of(object.kind)) + R"(,"path":)" +
         text_of(object.path.value) + R"(,"creates":)" + (object.creates ? "true" : "false") +
         R"(,"target":)" + text_of(object.text) + R"(,"replaces":)" + text_of(object.replaces) +
         R"(,"content":)" + text_of(object.content) + R"(,"former":)" + text_of(object.former) +
         "}";
}

std::string text_of(const Made& made) {
  return R"({"path":)" + text_of(made.path.value) + R"(,"inode":)" + std::to_string(made.inode) +
         "}";
}

template <class Element>
std::string text_of(const std::vector<Element>& list) {
  std::string text = "[";
  for (const auto& element : list) text += (text.size() > 1 ? "," : "") + text_of(element);
  return text + "]";
}

// ---- from text

std::unexpected<Error> wrong(std::string_view key, std::string_view due) {
  return failure(ErrorId::Record, "\"" + std::string(key) + "\" is not " + std::string(due));
}

// Each reads the member `key` of an object into `to`. Once one has failed the others do nothing, so
// that a whole object is read as a list, and asked once how that went.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {
    if (!object.is_object()) failed_ = wrong("", "an object").error();
  }

  [[nodiscard]] const Json* member(std::string_view key) {
    if (failed_) return nullptr;
    const auto at = object_.find(key);
    if (at != object_.end()) return &*at;
    failed_ = failure(ErrorId::Record, "\"" + std::string(key) + "\" is missing").error();
    return nullptr;
  }

  template <class Number>
  requires std::is_unsigned_v<Number>
  void take(std::string_view key, Number& to) {
    const auto* json = member(key);
    if (json == nullptr) return;
    if (!json->is_number_unsigned() ||
        json->template get<std::uint64_t>() > std::numeric_limits<Number>::max())
      failed_ = wrong(key, "a number in range").error();
    else
      to = json->template get<Number>();
  }

  void take(std::string_view key, bool& to) {
    const auto* json = member(key);
    if (json == nullptr) return;
    if (json->is_boolean())
      to = json->get<bool>();
    else
      failed_ = wrong(key, "true or false").error();
  }

  void take(std::string_view key, pid_t& to) {
    std::uint32_t number = 0;
    take(key, number);
    if (failed_) return;
    if (number <= 1 || number > std::numeric_limits<pid_t>::max())
      failed_ = wrong(key, "the pid of a container").error();
    else
      to = static_cast<pid_t>(number);
  }

  void take(std::string_view key, std::string& to) {
    const auto* json = member(key);
    if (json == nullptr) return;
    auto text = json->is_string() ? unescape(json->get_ref<const std::string&>()) : std::nullopt;
    if (text)
      to = std::move(*text);
    else
      failed_ = wrong(key, "escaped text").error();
  }

  template <class Side>
  void take(std::string_view key, PathOn<Side>& to) {
    std::string text;
    take(key, text);
    if (failed_) return;
    auto path = PathOn<Side>::parse(text);
    if (path)
      to = std::move(*path);
    else
      failed_ = wrong(key, "an absolute path").error();
  }

  void take(std::string_view key, ObjectKind& to) {
    std::string name;
    take(key, name);
    if (failed_) return;
    for (const auto kind :
         {ObjectKind::Mount, ObjectKind::Link, ObjectKind::Directory, ObjectKind::File})
      if (name == name_of(kind)) {
        to = kind;
        return;
      }
    failed_ = wrong(key, "a kind of object").error();
  }

  // Null stands for nothing.
  template <class Value>
  void take(std::string_view key, std::optional<Value>& to) {
    const auto* json = member(key);
    if (json != nullptr && !json->is_null()) take(key, to.emplace());
  }

  template <class Element>
  void take(std::string_view key, std::vector<Element>& to) {
    const auto* json = member(key);
    if (json == nullptr) return;
    if (!json->is_array()) {
      failed_ = wrong(key, "a list").error();
      return;
    }
    for (const auto& each : *json) {
      Reader inside(each);
      inside.take(to.emplace_back());
      adopt(key, std::move(inside));
    }
  }

  // An object of its own: one of those below.
  template <class Struct>
  requires std::is_class_v<Struct>
  void take(std::string_view key, Struct& to) {
    const auto* json = member(key);
    if (json == nullptr) return;
    Reader inside(*json);
    inside.take(to);
    adopt(key, std::move(inside));
  }

  void take(FileId& to) {
    take("device", to.device);
    take("inode", to.inode);
  }

  void take(Identity& to) {
    take("boot_id", to.boot_id);
    take("start_time", to.start_time);
    take("mount_namespace", to.mount_namespace);
    take("cgroup", to.cgroup);
  }

  void take(Fingerprint& to) {
    take("size", to.size);
    take("hash", to.hash);
  }

  void take(Former& to) {
    take("link", to.link_text);
    take("mode", to.mode);
    take("owner", to.owner);
    take("group", to.group);
  }

  void take(Device& to) {
    take("path", to.path);
    take("node", to.node);
    take("major", to.number.major);
    take("minor", to.number.minor);
  }

  void take(Object& to) {
    take("kind", to.kind);
    take("path", to.path);
    take("creates", to.creates);
    take("target", to.text);
    take("replaces", to.replaces);
    take("content", to.content);
    take("former", to.former);
  }

  void take(Made& to) {
    take("path", to.path);
    take("inode", to.inode);
  }

  [[nodiscard]] const std::optional<Error>& failed() const { return failed_; }

 private:
  void adopt(std::string_view key, Reader&& inside) {
    if (!failed_ && inside.failed_) failed_ = std::move(*inside.failed_).within(key);
  }

  const Json& object_;
  std::optional<Error> failed_;
};

}  // namespace

Result<std::string> to_json(const Record& record) {
  auto text = R"({"schema":)" + text_of(kSchema) + R"(,"id":)" + text_of(record.id) +
              R"(,"bundle":)" + text_of(record.bundle) + R"(,"rootfs":)" + text_of(record.rootfs) +
              R"(,"root":)" + text_of(record.root) + R"(,"hook":)" + std::to_string(record.hook) +
              R"(,"pid":)" + std::to_string(record.pid) + R"(,"scope":)" + text_of(record.scope) +
              R"(,"identity":)" + text_of(record.identity) + R"(,"devices":)" +
              text_of(record.devices) + R"(,"objects":)" + text_of(record.objects) + "}\n";
  if (text.size() > kMaxRecordBytes)
    return failure(ErrorId::Record,
                   "the record would be larger than " + std::to_string(kMaxRecordBytes) + " bytes");
  return text;
}

std::string to_json(const std::vector<Made>& made) { return R"({"made":)" + text_of(made) + "}\n"; }

namespace {

// Passes over a line that a run which was killed did not finish.
void take_made(std::string_view line, Record& record) {
  const auto json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return;
  Reader reader(json);
  std::vector<Made> made;
  reader.take("made", made);
  if (reader.failed()) return;
  for (const auto& [path, inode] : made)
    for (auto& object : record.objects)
      if (object.path == path) object.inode = inode;
}

}  // namespace

Result<Record> parse(std::string_view text) {
  if (text.size() > kMaxRecordBytes)
    return failure(ErrorId::Record,
                   "a record of more than " + std::to_string(kMaxRecordBytes) + " bytes");
  const auto end = std::min(text.find('\n'), text.size());
  const auto json = Json::parse(text.substr(0, end), nullptr, false);
  if (json.is_discarded()) return failure(ErrorId::Record, "not JSON");
  Reader reader(json);
  std::string schema;
  reader.take("schema", schema);
  if (!reader.failed() && schema != kSchema)
    return failure(ErrorId::Record, "of the unknown form " + quote(schema));
  Record record;
  reader.take("id", record.id);
  reader.take("bundle", record.bundle);
  reader.take("rootfs", record.rootfs);
  reader.take("root", record.root);
  reader.take("hook", record.hook);
  reader.take("pid", record.pid);
  reader.take("scope", record.scope);
  reader.take("identity", record.identity);
  reader.take("devices", record.devices);
  reader.take("objects", record.objects);
  if (reader.failed()) return std::unexpected(*reader.failed());
  take_made(text.substr(std::min(end + 1, text.size())), record);
  return record;
}

namespace {

constexpr std::uint64_t kFnvBasis = 0xcbf29ce484222325;

void mix(std::uint64_t& hash, std::string_view bytes) {
  constexpr std::uint64_t kPrime = 0x100000001b3;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * kPrime;
}

}  // namespace

std::uint64_t hash_of(std::string_view bytes) {
  auto hash = kFnvBasis;
  mix(hash, bytes);
  return hash;
}

std::string file_name(std::string_view bundle, std::string_view id) {
  // Two containers of one machine do not share a name by chance, and whoever reads a record
  // compares bundle and id.
  auto hash = kFnvBasis;
  mix(hash, bundle);
  mix(hash, std::string_view("\0", 1));  // which neither can hold
  mix(hash, id);
  std::string name;
  for (int shift = 60; shift >= 0; shift -= 4) name += "0123456789abcdef"[(hash >> shift) & 0xfU];
  return name + ".json";
}

}  // namespace nvhook::record
