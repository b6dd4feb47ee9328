// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/config/address.hpp"
#include "nvhook/driver/discover.hpp"

// What nvhook-companion is to do, as plain data: settings and options in one.
namespace nvhook::companion {

// How it speaks and ends: as itself, or as nvidia-docker-plugin 1.0, whose name it was started by.
enum class Manner : std::uint8_t { Ours, Original };

// Docker finds a plugin by the name of its socket.
inline constexpr std::string_view kSocketName = "nvidia-docker.sock";

// Where the REST API is served. The original has what was written only: it may be a name, which is
// looked up when it listens (original.hpp).
struct Endpoint {
  config::Address address{};
  bool both = false;    // an address of IPv6, and of IPv4 as well: ":3476" of the original
  std::string shown{};  // as it was written
  bool operator==(const Endpoint&) const = default;
};

struct Setup {
  Manner manner = Manner::Ours;
  bool rest = true;
  bool volumes = true;
  Endpoint endpoint;
  std::vector<std::string> allowed_hosts;  // besides those that every server answers to
  bool processes = true;
  std::string store;             // absolute
  bool links = true;             // volumes are made of hard links where that is possible
  std::string socket_directory;  // absolute
  std::string spec_file;         // absolute; empty: none
  driver::Where where;
  std::string probe;  // nvhook-nvml; empty: that beside this program
  std::chrono::milliseconds nvml_deadline{20'000};
};

}  // namespace nvhook::companion
