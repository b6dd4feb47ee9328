// SPDX-License-Identifier: Apache-2.0
// Stands in for libFuzzer's main: gives every file of the named directories to the fuzz target,
// whole, and then cut short at every length (long files: at 512 lengths spread over them).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  constexpr std::size_t kMaxCuts = 512;
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::vector<char> text(std::istreambuf_iterator<char>(in), {});
      const std::vector<std::uint8_t> bytes(text.begin(), text.end());
      const auto step = std::max<std::size_t>(1, bytes.size() / kMaxCuts);
      for (std::size_t size = 0; size < bytes.size(); size += step) {
        // A copy of exactly this size, so that a sanitizer sees a read past its end.
        const std::vector<std::uint8_t> cut(bytes.data(), bytes.data() + size);
        LLVMFuzzerTestOneInput(cut.data(), cut.size());
      }
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      ++files;
    }
  }
  std::printf("%zu corpus files\n", files);
  return files > 0 ? 0 : 1;  // an empty corpus would be a test that cannot fail
}
