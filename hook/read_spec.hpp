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
  // Whether there is anything to find out: false, without having started another process, for a
  // container that has stopped or whose config.json holds none of the words by which a GPU is asked
  // for. If true, the child is at work, and finish() takes what it has found; the caller may do
  // something else in between. Reads the state on standard input and the bundle's config.json.
  // Fails with E_STATE_*, E_KERNEL.
  [[nodiscard]] Result<bool> begin();

  // The container, or nothing if it has stopped. REQUIRES: begin() has returned true.
  // Fails with E_STATE_*, E_PID.
  [[nodiscard]] Result<std::optional<Spec>> finish();

  // For a dry run of a container that does not exist: the state is made up, without a pid.
  [[nodiscard]] Result<Spec> read_bundle(const std::string& bundle);

 private:
  std::optional<sandbox::ParserChild> child_;
  std::optional<std::string> bundle_;               // as the glance has found it
  std::optional<Result<std::string>> config_text_;  // of that bundle
};

// The root file system's path on this host.
[[nodiscard]] std::string rootfs_path(const Spec& spec);

}  // namespace nvhook
