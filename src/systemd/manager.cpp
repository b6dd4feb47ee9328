// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/manager.hpp"

#include <dbus/dbus.h>
#include <poll.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "nvhook/systemd/device_allow.hpp"

namespace nvhook::systemd {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPause{10};        // before systemd is looked for again
constexpr long kMaxIncoming = 64 * 1024;  // bytes of a message; the answer has some eighty

struct Unreference {
  void operator()(DBusMessage* message) const { ::dbus_message_unref(message); }
};
using Message = std::unique_ptr<DBusMessage, Unreference>;

class DBusFailure {
 public:
  DBusFailure() { ::dbus_error_init(&error_); }
  DBusFailure(const DBusFailure&) = delete;
  DBusFailure& operator=(const DBusFailure&) = delete;
  ~DBusFailure() { ::dbus_error_free(&error_); }

  [[nodiscard]] DBusError* out() { return &error_; }
  [[nodiscard]] bool is(const char* name) const {
    return ::dbus_error_has_name(&error_, name) != 0;
  }
  [[nodiscard]] std::string text() const {
    return error_.message != nullptr ? error_.message : "no memory";
  }

 private:
  DBusError error_{};
};

// Appends to a message from outside in. Where memory ends once, all that follows fails, too.
class Writer {
 public:
  explicit Writer(DBusMessage* message) { ::dbus_message_iter_init_append(message, &at_); }

  void text(const char* value) {
    good_ = good_ && ::dbus_message_iter_append_basic(&at_, DBUS_TYPE_STRING, &value) != 0;
  }
  void boolean(bool value) {
    const dbus_bool_t as_dbus = value ? 1 : 0;
    good_ = good_ && ::dbus_message_iter_append_basic(&at_, DBUS_TYPE_BOOLEAN, &as_dbus) != 0;
  }
  // Calls `fill` with a writer of what is inside. `signature` is that of the content, none for a
  // struct.
  template <class Fill>
  void container(int type, const char* signature, const Fill& fill) {
    Writer inner;
    good_ = good_ && ::dbus_message_iter_open_container(&at_, type, signature, &inner.at_) != 0;
    if (!good_) return;
    fill(inner);
    good_ = ::dbus_message_iter_close_container(&at_, &inner.at_) != 0 && inner.good_;
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  Writer() = default;

  DBusMessageIter at_{};
  bool good_ = true;
};

void write_list(Writer& list, const std::vector<Node>& nodes) {
  const std::string access(kAccess);
  for (const auto& node : nodes)
    list.container(DBUS_TYPE_STRUCT, nullptr, [&](Writer& entry) {
      entry.text(name_of(node).c_str());
      entry.text(access.c_str());
    });
}

// Nothing if there is no memory for it. Source: org.freedesktop.systemd1(5).
Message request_for(const Order& order) {
  Message message(::dbus_message_new_method_call(nullptr, "/org/freedesktop/systemd1",
                                                 "org.freedesktop.systemd1.Manager",
                                                 "SetUnitProperties"));
  if (!message) return nullptr;
  Writer arguments(message.get());
  arguments.text(order.scope.c_str());
  arguments.boolean(true);  // until the machine is booted anew, which no scope outlives
  arguments.container(DBUS_TYPE_ARRAY, "(sv)", [&](Writer& properties) {
    properties.container(DBUS_TYPE_STRUCT, nullptr, [&](Writer& property) {
      property.text("DeviceAllow");
      property.container(DBUS_TYPE_VARIANT, "a(ss)", [&](Writer& value) {
        value.container(DBUS_TYPE_ARRAY, "(ss)",
                        [&](Writer& list) { write_list(list, order.nodes); });
      });
    });
  });
  return arguments.good() ? std::move(message) : nullptr;
}

int left_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::max<milliseconds::rep>(left.count(), 0));
}

// What libdbus itself says in place of systemd when there is no answer.
bool is_no_answer(const DBusFailure& failure) {
  return failure.is(DBUS_ERROR_NO_REPLY) || failure.is(DBUS_ERROR_DISCONNECTED) ||
         failure.is(DBUS_ERROR_TIMEOUT) || failure.is(DBUS_ERROR_NO_MEMORY);
}

}  // namespace

struct Manager::Connection {
  explicit Connection(DBusConnection* opened) : bus(opened) {
    ::dbus_connection_set_max_message_size(bus, kMaxIncoming);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    ::dbus_connection_close(bus);
    ::dbus_connection_unref(bus);
  }

  [[nodiscard]] bool is_open() const { return ::dbus_connection_get_is_connected(bus) != 0; }
  [[nodiscard]] bool is_ready() const { return ::dbus_connection_get_is_authenticated(bus) != 0; }
  void work(int most_ms) const { ::dbus_connection_read_write(bus, most_ms); }

  [[nodiscard]] Reply ask(DBusMessage* request, Clock::time_point deadline) const {
    DBusFailure why;
    // A timeout of 0 would mean another thing.
    const Message answer(::dbus_connection_send_with_reply_and_block(
        bus, request, std::max(left_until(deadline), 1), why.out()));
    if (answer) return {.kind = Reply::Kind::Done, .reason = {}};
    if (is_no_answer(why)) return {};
    return {.kind = Reply::Kind::Refused, .reason = why.text()};
  }

  DBusConnection* bus;
};

Manager::Manager(std::string address) : address_(std::move(address)) {}
Manager::Manager(Manager&&) noexcept = default;
Manager& Manager::operator=(Manager&&) noexcept = default;
Manager::~Manager() = default;

bool Manager::connect() {
  if (connection_ && connection_->is_open()) return true;
  connection_.reset();
  DBusFailure why;
  // Private: not shared within libdbus. A bus would be told our name; a peer is not.
  auto* opened = ::dbus_connection_open_private(address_.c_str(), why.out());
  if (opened == nullptr) {
    trouble_ = why.text();
    return false;
  }
  connection_ = std::make_unique<Connection>(opened);
  return true;
}

bool Manager::prepare(milliseconds most) {
  const auto deadline = Clock::now() + most;
  if (!connect()) return true;  // later, when it counts
  while (!connection_->is_ready() && connection_->is_open()) {
    const int left = left_until(deadline);
    if (left == 0) return false;
    connection_->work(left);
  }
  return true;
}

Reply Manager::allow_devices(const Order& order, Clock::time_point deadline) {
  for (;; ::poll(nullptr, 0, static_cast<int>(kPause.count()))) {
    trouble_ = "it does not answer";
    const auto request = request_for(order);
    if (request && connect() && prepare(milliseconds(left_until(deadline))) &&
        connection_->is_ready()) {
      auto reply = connection_->ask(request.get(), deadline);
      if (reply.kind != Reply::Kind::NoAnswer) return reply;
    }
    if (Clock::now() + kPause >= deadline)
      return {.kind = Reply::Kind::NoAnswer, .reason = trouble_};
    connection_.reset();
  }
}

}  // namespace nvhook::systemd
