// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "nvhook/systemd/order.hpp"

namespace nvhook::systemd {

using Clock = std::chrono::steady_clock;

// What became of a request to systemd.
struct Reply {
  enum class Kind {
    Done,
    Refused,   // it answered with an error
    NoAnswer,  // in time, or there was nobody to connect to
  };
  Kind kind = Kind::NoAnswer;
  std::string reason;  // of all but Done
};

// PID 1 of this machine, spoken to over its own socket, /run/systemd/private: D-Bus between two
// peers, without a message bus and its names. For root only: systemd lets nobody else connect.
// Source: systemd, src/core/dbus.c, bus_init_private.
class Manager {
 public:
  // Sends nothing. The address is one of D-Bus ("unix:path=...").
  explicit Manager(std::string address = "unix:path=/run/systemd/private");
  Manager(Manager&&) noexcept;
  Manager& operator=(Manager&&) noexcept;
  ~Manager();

  // Goes on with connecting and with proving who we are, for so long at most; false while that
  // takes longer. It saves time to come, and need not succeed: a request begins anew where it must.
  bool prepare(std::chrono::milliseconds most);

  // SetUnitProperties(scope, runtime, DeviceAllow+=nodes): adds to the list, and has systemd set up
  // the scope's devices and write a drop-in of its own. The answer is awaited because requests get
  // lost: when systemd reloads, it sometimes looks at who asked too late, if he has gone; and when
  // it executes itself anew it closes its connections. The request is made again then, until the
  // deadline, so it may be made twice.
  [[nodiscard]] Reply allow_devices(const Order& order, Clock::time_point deadline);

 private:
  struct Connection;
  bool connect();

  std::string address_;
  std::unique_ptr<Connection> connection_;
  std::string trouble_;  // why there is no connection
};

}  // namespace nvhook::systemd
