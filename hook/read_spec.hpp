// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nvhook/base/error.hpp"
#include "nvhook/oci/config.hpp"
#include "nvhook/oci/state.hpp"
#include "nvhook/sandbox/parser_child.hpp"

namespace nvhook {

// A container as its runtime describes it.
struct Spec {
  oci::State state;
  oci::Config config;
};

// Reads what a runtime says of a container. Hostile text is parsed in a child process that holds
// none of our descriptors; it ends while the caller goes on, and is reaped with this object.
class SpecReader {
 public:
  // Reads the state on standard input and the bundle's config.json. Nothing, without having started
  // another process, for a container that has stopped or whose config.json holds none of the words
  // by which a GPU is asked for. Fails with E_STATE_*, E_PID, E_KERNEL.
  [[nodiscard]] Result<std::optional<Spec>> read();

  // For a dry run of a container that does not exist: the state is made up, without a pid.
  [[nodiscard]] Result<Spec> read_bundle(const std::string& bundle);

 private:
  std::optional<sandbox::ParserChild> child_;
};

// The root file system's path on this host.
[[nodiscard]] std::string rootfs_path(const Spec& spec);

}  // namespace nvhook
