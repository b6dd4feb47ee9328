// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nvhook/systemd/order.hpp"

// The words in which systemd is told of devices: the setting DeviceAllow= of
// systemd.resource-control(5).
namespace nvhook::systemd {

inline constexpr std::string_view kAccess = "rw";  // never mknod ("m")

// What DeviceAllow= takes for the node: its path, which systemd looks at each time that it sets up
// the scope's devices. It must lie below /dev, without "." or "..", and have only characters that
// mean nothing else in a unit file (no blank, no "%", no quote, no backslash); for another node it
// is
// "/dev/char/<major>:<minor>", which systemd 240 and later takes for the number itself, whether
// there is such a link or not. Source: systemd, src/core/cgroup.c, valid_device_node_path, and
// device_path_parse_major_minor.
[[nodiscard]] std::string name_of(const Node& node);

// The text of a drop-in file that adds the nodes to those that the unit may use.
[[nodiscard]] std::string drop_in_of(const std::vector<Node>& nodes);

// What systemd does about a scope's devices.
enum class Restriction {
  None,     // DevicePolicy=auto and no DeviceAllow=: it leaves them alone
  List,     // it sets up a filter of its own, from the list
  Program,  // it attaches a filter of the runtime's, kept in a file (BPFProgram=device:...)
};

// What the last of them means for a grant.
inline constexpr std::string_view kPutsBackAProgram =
    "the runtime has given it a device program to put back, which does not allow them "
    "(BPFProgram=)";

// By what systemd has written about the scope: its unit file and drop-ins, one after another in the
// order in which systemd reads them (systemd.unit(5)). They are systemd's own, one setting a line.
[[nodiscard]] Restriction restriction_in(std::string_view unit_files);

}  // namespace nvhook::systemd
