// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/driver/discover.hpp"
#include "support/cache_image.hpp"
#include "support/fake_root.hpp"

namespace nvhook::test {

inline constexpr std::string_view kVersion = "550.54.14";
inline constexpr std::uint32_t kUvmMajor = 240;

// A host with a driver: trees for the four roots below one directory. Starts as a loaded kernel
// module, its control nodes and no GPU.
class FakeHost {
 public:
  FakeHost();

  // False where this process may not make device nodes, so that a driver cannot be imitated.
  [[nodiscard]] bool has_nodes() const { return has_nodes_; }

  // A GPU with its /proc directory and node. `more`: lines that its information has besides.
  FakeHost& gpu(std::string_view address, std::uint32_t minor, std::string_view more = {});
  FakeHost& node(std::string_view path, std::uint32_t major, std::uint32_t minor);
  // A library file, a link to it named `soname` beside it, and the cache entry that ldconfig makes
  // of them. `soname` empty: the cache names the file itself.
  FakeHost& library(std::string_view path, std::string_view soname, std::string_view content = "x",
                    std::int32_t flags = 0x0303);
  // Everything that compute and utility cannot do without or expect.
  FakeHost& usual_libraries();
  FakeHost& cache_entry(CacheImage::Entry entry);
  void remove(std::string_view path);

  [[nodiscard]] FakeRoot& tree() { return tree_; }
  [[nodiscard]] std::string on_disk(std::string_view path) const {
    return tree_.on_disk(path).string();
  }
  // The roots of this host. Writes the cache, unless no library or entry was added.
  [[nodiscard]] driver::Where where();

 private:
  FakeRoot tree_;
  CacheImage cache_;
  bool has_nodes_ = true;
};

}  // namespace nvhook::test
