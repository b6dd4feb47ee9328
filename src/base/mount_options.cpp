// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/mount_options.hpp"

namespace nvhook {

std::vector<std::string> names_of(const MountOptions& options) {
  std::vector<std::string> names;
  if (options.ro) names.emplace_back("ro");
  if (options.nosuid) names.emplace_back("nosuid");
  if (options.nodev) names.emplace_back("nodev");
  if (options.noexec) names.emplace_back("noexec");
  return names;
}

}  // namespace nvhook
