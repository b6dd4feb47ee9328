// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>

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

// What a runtime says of a container, on its way through the parser child: a process that holds
// none of our descriptors. It ends by itself after its last answer and is reaped with this object,
// which is therefore best kept until the end.
class PendingSpec {
 public:
  // The container, or nothing if it has stopped. To be called once. Fails with E_STATE_*, E_PID.
  [[nodiscard]] Result<std::optional<Spec>> finish();

 private:
  friend Result<std::optional<PendingSpec>> begin_reading();
  PendingSpec(sandbox::ParserChild child, std::string bundle, Result<void> config_read)
      : child_(std::move(child)),
        bundle_(std::move(bundle)),
        config_read_(std::move(config_read)) {}

  sandbox::ParserChild child_;
  std::string bundle_;        // as a glance at the state has found it; may be empty
  Result<void> config_read_;  // that bundle's config.json; if so, the child has it
};

// Reads the state on standard input and the bundle's config.json, and gives both to a parser child;
// the caller may do something else until it finishes them. Nothing, without having started another
// process, for a container that has stopped or whose config.json holds none of the words by which a
// GPU is asked for. Fails with E_STATE_*, E_KERNEL.
[[nodiscard]] Result<std::optional<PendingSpec>> begin_reading();

// For a dry run of a container that does not exist: the state is made up, without a pid.
// Fails with E_STATE_*, E_KERNEL.
[[nodiscard]] Result<Spec> read_bundle(const std::string& bundle);

// The root file system's path on this host.
[[nodiscard]] std::string rootfs_path(const Spec& spec);

}  // namespace nvhook
