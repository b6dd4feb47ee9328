// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nvhook/http/message.hpp"

// The answers of Docker's volume protocol, byte for byte as Go writes them: one line without
// blanks. All have status 200: a refusal is told by "Err".
namespace nvhook::volumes {

struct Volume {
  std::string name;
  std::string mountpoint;
};

[[nodiscard]] http::Response activated();     // {"Implements":["VolumeDriver"]}
[[nodiscard]] http::Response capabilities();  // {"Capabilities":{"Scope":"local"}}

[[nodiscard]] http::Response done();  // {"Err":null}
[[nodiscard]] http::Response refusal(std::string_view why);

[[nodiscard]] http::Response volume(const Volume& volume);
[[nodiscard]] http::Response no_volume(std::string_view why);

[[nodiscard]] http::Response mountpoint(std::string_view path);
[[nodiscard]] http::Response no_mountpoint(std::string_view why);

[[nodiscard]] http::Response volumes(const std::vector<Volume>& all);  // none: null
[[nodiscard]] http::Response no_volumes(std::string_view why);

}  // namespace nvhook::volumes
