// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "integration/engine.hpp"
#include "support/fake_root.hpp"

namespace nvhook::test {

enum class Layout { System, Tree };
const char* name_of(Layout layout);
inline void PrintTo(Layout layout, std::ostream* out) { *out << name_of(layout); }

inline constexpr auto kTreeLibraries = "/usr/local/nvidia/lib64";  // of Layout::Tree

// A bundle whose container asks for all GPUs, of an image with a program that says where its loader
// finds libraries.
class GpuBundle : public EngineBundle {
 public:
  GpuBundle(const std::string& root_kind, Layout layout);

  // nvhook with the settings of this bundle.
  [[nodiscard]] nlohmann::json hook(const std::string& stage) const;
  // Registers it for these stages.
  void use_hooks(const std::vector<std::string>& stages);

  // A file of the image.
  void write(const std::string& name, const std::string& bytes) const;
  [[nodiscard]] std::string read(const std::string& name) const;
  // Runs ldconfig(8) of this machine on the image.
  void make_cache(const std::vector<std::string>& options = {}) const;

  // Looks for libcuda and libnvidia-ml by name, in a container. What that says if both are found in
  // a directory is found_in().
  Finished look_for_libraries(Engine engine);
  static std::string found_in(const std::string& directory);

  // What the hooks have said, as lines of JSON, and the ids of it.
  [[nodiscard]] std::string log() const;
  [[nodiscard]] std::vector<std::string> messages() const;

 private:
  FakeRoot settings_;
};

}  // namespace nvhook::test
