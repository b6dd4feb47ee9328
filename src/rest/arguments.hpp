// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nvhook/rest/facts.hpp"
#include "rest/query.hpp"
#include "rest/values.hpp"

// What programs are started with: /docker/cli and /mesos/cli. People put it on command lines
// unread, so not a character is in it that a shell could take for more than text.
namespace nvhook::rest {

// Ours, to be logged: a text that has no place on a command line, a version that is not known.
struct Failure {
  std::string why;
};

template <class T>
using Answered = std::expected<T, std::variant<Refusal, Failure>>;

// For `docker run`.
struct DockerArguments {
  std::vector<std::string> volumes;  // "nvidia_driver_361.48:/usr/local/nvidia:ro"
  std::vector<std::string> devices;  // "/dev/nvidiactl"
};

// A GPU without a node is left out, unless it is asked for by name: then it is a failure.
[[nodiscard]] Answered<DockerArguments> docker_arguments(const Facts& facts,
                                                         std::string_view query);
[[nodiscard]] std::string docker_text(const DockerArguments& arguments);
[[nodiscard]] std::string docker_json(const DockerArguments& arguments);

// For `mesos-agent`: `info_json` compressed, and the UUIDs.
[[nodiscard]] Answered<std::string> mesos_text(const Info& info, std::string_view info_json);

}  // namespace nvhook::rest
