// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/device_number.hpp"
#include "nvhook/base/error.hpp"

// What nvhook asks of nvhook-systemd, and is answered: one message each way.
namespace nvhook::systemd {

// A device node of this host.
struct Node {
  std::string path;
  DeviceNumber number;
  bool operator==(const Node&) const = default;
};

// Systemd is to know that the processes of `scope` may read and write the nodes.
struct Order {
  std::string scope;
  std::vector<Node> nodes;
  bool awaited = false;  // somebody waits for the answer; else a failure goes to the journal
  bool operator==(const Order&) const = default;
};

enum class Outcome : std::uint8_t {
  Told,          // systemd knows, and will keep to it
  Unrestricted,  // it restricts no device of this scope, and must not be made to
  Failed,
};

struct Answer {
  Outcome outcome = Outcome::Failed;
  std::string reason;  // of Failed, for people
  bool operator==(const Answer&) const = default;
};

inline constexpr std::size_t kMaxOrder = 131072;  // bytes; a node is twelve to forty
inline constexpr std::size_t kMaxNodes = 4096;
inline constexpr std::size_t kMaxAnswer = 1024;

// Numbers and length-prefixed strings, in the machine's own byte order: both ends are of one build.
[[nodiscard]] std::string encode(const Order& order);
[[nodiscard]] std::string encode(const Answer& answer);  // a reason that is too long is cut

// Whatever comes out of them can be acted on: the name is that of a scope, there are between 1 and
// kMaxNodes nodes; a reason is one line of printable ASCII. Each count and length is checked
// against the bytes that are there, of which there may be no more. Fails with E_SYSTEMD.
[[nodiscard]] Result<Order> decode_order(std::string_view message);
[[nodiscard]] Result<Answer> decode_answer(std::string_view message);

}  // namespace nvhook::systemd
