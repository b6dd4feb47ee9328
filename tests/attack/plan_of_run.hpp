// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nvhook::test {

struct PlannedMount {
  std::string source;
  std::string target;
  std::string options;  // "ro,nosuid,nodev"
  bool sealed;          // bound out of a read-only overlay
};

struct PlannedLink {
  std::string path;
  std::string target;
  std::optional<std::string> replaces;
};

struct PlannedFile {
  std::string path;
  std::string content;
};

// The file by which the image's loader learns of the libraries.
struct PlannedLoaderFile {
  std::string action = "none";           // "merge", "create", "bind", "musl-path"
  std::string path;                      // empty: none
  std::vector<std::string> directories;  // where it is to find them

  // Whether it is made, or takes the place of what the image has there.
  [[nodiscard]] bool is_exchanged() const {
    return action == "merge" || action == "create" || action == "musl-path";
  }
  [[nodiscard]] bool is_mounted() const { return action == "bind"; }
};

// What a dry run said that the hook would do. Nothing, if it refused.
struct PlanOfRun {
  std::vector<PlannedMount> mounts;  // without those that are present
  std::vector<PlannedLink> links;
  std::vector<PlannedFile> files;
  std::string tree;  // empty: none
  PlannedLoaderFile loader;
  std::vector<std::string> device_rules;  // as in devices.list: "c 195:0 rw"

  [[nodiscard]] static PlanOfRun parse(std::string_view json);
};

// A name as it stands in a plan: JSON is UTF-8, so bytes that are not have U+FFFD in their place.
[[nodiscard]] std::string as_planned(const std::string& name);

}  // namespace nvhook::test
