// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

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

// What there is to know about a container, unread.
struct SpecTexts {
  std::string state;              // empty: there is no container, only a bundle
  std::string bundle;             // as a glance at the state has found it; may be empty
  Result<std::string> config;     // of that bundle
  std::optional<pid_t> pid = {};  // by the same glance
  std::vector<std::string> further_names = {};  // of variables that ask for GPUs
  bool may_concern_nvml = false;  // the request may turn on what only NVML knows; likewise
};

// A container that is no more.
struct Stopped {
  std::string bundle;
  std::string id;
};

// None of the words by which a GPU is asked for is in config.json.
struct NoGpuMentioned {};

using Texts = std::variant<NoGpuMentioned, Stopped, SpecTexts>;

// Reads the state on standard input and the bundle's config.json, unless the container has stopped;
// of the settings, further_names() alone. Fails with E_STATE_*, E_CONFIG.
[[nodiscard]] Result<Texts> read_texts(const std::optional<std::string>& config_file);

// For a dry run of a container that does not exist. Fails likewise.
[[nodiscard]] Result<Texts> read_texts_of_bundle(const std::string& bundle,
                                                 const std::optional<std::string>& config_file);

// A container's description on its way through the parser child: a process that holds none of our
// descriptors or privileges. It ends by itself after its last answer, or when it is dismissed, and
// is reaped with this object, which is therefore best kept until the end.
class PendingSpec {
 public:
  // Forks; the caller may let go of the texts, and do something else until it finishes. Fails with
  // E_KERNEL.
  [[nodiscard]] static Result<PendingSpec> start(const SpecTexts& texts);

  // The container. To be called once. Fails with E_STATE_*, E_PID, E_KERNEL. Without a state one is
  // made up, without a pid.
  [[nodiscard]] Result<std::variant<Stopped, Spec>> finish();

  // Has the child answer one of compat's questions. Fails as compat::answer() does, and as
  // ParserChild::answer().
  [[nodiscard]] Result<std::string> ask_of_compat(std::string_view question);

  // Puts a question of ldcache::ask() to the child, and takes the answer later. Fails likewise.
  void ask_of_loader_file(std::string_view question);
  [[nodiscard]] Result<std::string> answer_of_loader_file();

  // The names by which variables beside NVIDIA's own were kept.
  [[nodiscard]] const std::vector<std::string>& further_names() const { return further_names_; }

  // Nothing more will be asked.
  void dismiss();

 private:
  PendingSpec(sandbox::ParserChild child, const SpecTexts& texts);

  sandbox::ParserChild child_;
  bool has_state_;
  std::string bundle_;
  std::vector<std::string> further_names_;
  Result<void> config_read_;  // that bundle's config.json; if so, the child has it
};

// The root file system's path on this host.
[[nodiscard]] std::string rootfs_path(const Spec& spec);

}  // namespace nvhook
