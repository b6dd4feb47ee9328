// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/base/error.hpp"
#include "nvhook/container/process.hpp"

namespace nvhook::apply {

// Makes files as the container's root for as long as it lives: files of a user namespace cannot
// belong to an id that it does not map (EOVERFLOW since Linux 4.8). Does nothing for a container
// whose root is ours.
class AsContainerRoot {
 public:
  // Fails with E_USERNS.
  [[nodiscard]] static Result<AsContainerRoot> become(const container::Process& process);

  AsContainerRoot(AsContainerRoot&& other) noexcept;
  AsContainerRoot& operator=(AsContainerRoot&&) = delete;
  ~AsContainerRoot();

 private:
  explicit AsContainerRoot(bool changed) : changed_(changed) {}
  bool changed_;
};

}  // namespace nvhook::apply
