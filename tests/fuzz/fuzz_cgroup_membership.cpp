// SPDX-License-Identifier: Apache-2.0
#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cgroup/membership.hpp"

namespace {

bool lies_within(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

}  // namespace

// The first line is where a hierarchy is mounted from, the rest what /proc/<pid>/cgroup or
// cgroup.procs says. A path is one of the text's lines to its end; what is left of it below the
// mount is its end and absolute, so that it can be opened below the mount.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::cgroup;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto mount_root = input.substr(0, input.find('\n'));
  const auto text = input.substr(std::min(mount_root.size() + 1, input.size()));

  for (const std::string_view controller : {"devices", "", "name=systemd"}) {
    const auto path = path_of_controller(text, controller);
    if (!path) continue;
    if (!lies_within(*path, text) || path->contains('\n')) std::abort();
    const auto behind = text.substr(static_cast<std::size_t>(path->data() - text.data()));
    if (behind.size() > path->size() && behind[path->size()] != '\n') std::abort();
    const auto again = "9:cpu:/x\n5:" + std::string(controller) + ":" + std::string(*path) + "\n";
    if (path_of_controller(again, controller) != path) std::abort();

    const auto below = path_below(*path, mount_root);
    if (!below) continue;
    if (!below->starts_with('/') || !(path->ends_with(*below) || *below == "/")) std::abort();
    if (mount_root != "/" && std::string(mount_root) + std::string(*below) != *path &&
        *path != mount_root)
      std::abort();
  }

  constexpr pid_t kPid = 4711;
  if (lists_process(text, kPid) && !text.contains("4711")) std::abort();
  if (!lists_process(std::string(text) + "\n4711\n", kPid)) std::abort();
  return 0;
}
