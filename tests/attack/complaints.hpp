// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace nvhook::test {

// What judges a run of the hook.
enum class Oracle {
  HostSilence,      // it changed nothing on the host's file systems
  HostMounts,       // the host's mounts are as before
  ContainerMounts,  // the container has the planned mounts and devices, and no other
  Canaries,         // what existed is as it was, what is new was planned
  Result,           // it ended as documented
  Cost,             // in time, and with little memory
  Residue,          // it left nothing where it refused, and no process or temporary name ever
  CallShape,        // its system calls have the form that cannot be led astray
};

struct Complaint {
  Oracle oracle;
  std::string text;
};
using Complaints = std::vector<Complaint>;

}  // namespace nvhook::test
