// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "attack/attack.hpp"
#include "attack/mounted.hpp"

namespace nvhook::test {

// Family D: what stands at the targets, or on the way to them.
class Destinations : public Attack {
 protected:
  void replace_by_link(const std::string& path, const std::string& text);
  // Makes everything that the plan would make: the image has all mount points and links then.
  void make_all_of(const PlanOfRun& plan);

  // Mounts a file system over the image's directory and fills it with the image.
  [[nodiscard]] std::unique_ptr<Mounted> move_image_to(const std::string& source, const char* type,
                                                       const std::string& data = {});
  // Mounts an overlay over the image's directory, as docker and podman do: the image is its lowest
  // layer, below it are `layers`, "1:2:" for directories of `top`, which gets all that it takes.
  [[nodiscard]] std::unique_ptr<Mounted> overlay_image(const std::filesystem::path& top,
                                                       const std::string& options,
                                                       const std::string& layers = {});
  static void copy(const std::filesystem::path& from, const std::filesystem::path& to);

  // Two hooks for one container. Succeeds if one of them does and the other does not.
  void run_two_at_once();
  // In a process group that is not this test's.
  void run_in_own_group();

  // One target of each kind.
  const std::string library_ = std::string(kLibraryDirectory) + "/libcuda.so.550.54.14";
  const std::string soname_ = std::string(kLibraryDirectory) + "/libcuda.so.1";  // a link
  const std::string program_ = "/usr/bin/nvidia-smi";
  const std::string node_ = "/dev/nvidia0";
};

}  // namespace nvhook::test
