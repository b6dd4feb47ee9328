// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

// What systemd, or whoever speaks its protocol, gives a service and is told by it. A few lines
// each, and so without libsystemd. Source: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
namespace nvhook::companion {

// Sockets are handed over by these names (FileDescriptorName= of the .socket unit); without names
// by what they are: one of TCP is REST's, one of a path the plugin's.
inline constexpr std::string_view kRestName = "rest";
inline constexpr std::string_view kPluginName = "plugin";

// What the environment said, before it was cleared.
struct ServiceManager {
  std::string notify_socket;                          // empty: nobody wants to know
  int sockets = 0;                                    // that were handed over, from descriptor 3 on
  std::string names;                                  // of them, with colons
  std::optional<std::chrono::microseconds> watchdog;  // how often it wants to hear from us
};

// Reads the environment. What is meant for another process (LISTEN_PID, WATCHDOG_PID) is none.
[[nodiscard]] ServiceManager read_service_manager();

// The sockets that listen already; empty where none was handed over.
struct Inherited {
  UniqueFd rest;
  UniqueFd plugin;
};

// Takes them, as non-blocking ones that no program inherits. Fails with E_LISTEN: one of another
// name or kind, or two of one.
[[nodiscard]] Result<Inherited> take_sockets(const ServiceManager& manager);

// Tells the service manager: "READY=1\nSTATUS=..." It does not matter whether it hears.
class Notifier {
 public:
  Notifier() = default;
  // Opens the way to it, which may lead through a directory that is not there later.
  explicit Notifier(const std::string& socket);
  void tell(std::string_view state) const;

 private:
  UniqueFd socket_;
};

// "MONOTONIC_USEC=..." which a reload has to say with RELOADING=1.
[[nodiscard]] std::string monotonic_now();

}  // namespace nvhook::companion
