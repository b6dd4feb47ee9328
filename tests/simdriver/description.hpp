// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

// What libnvidia-ml and libcuda of the simulated driver know. The writer (simulated-driver) links a
// JSON text into each of them; it is read in place. Nothing here allocates or needs libstdc++ at
// run time: the libraries are loaded in containers that have another one, or none.
namespace simdriver {

struct Gpu {
  std::string_view model;
  std::string_view uuid;  // "GPU-..."
  unsigned minor = 0;     // of /dev/nvidia<minor>
  std::string_view text;  // all that is written of it, for number_of() and list_of()
};

// GPUs that a description may hold; the writer's limit is lower.
inline constexpr std::size_t kMaxGpus = 64;

[[nodiscard]] std::string_view driver_version();  // "550.54.14"
[[nodiscard]] int cuda_version();                 // 1000 * major + 10 * minor

// The tree that the driver was written to; empty if the description does not say.
[[nodiscard]] std::string_view root();

// What is to happen in the function, by the description's "hang", "crash", "flood" and "fail": it
// may never return, may end the process, may write to all that is open, or gives the code to be
// returned, 0 to do the work.
[[nodiscard]] int fate_of(const char* function);

// The value that a GPU's description has under "key"; false if it has none.
[[nodiscard]] bool number_of(const Gpu& gpu, const char* key, unsigned long long& value);
// The element of a list of strings under "key"; empty behind the last.
[[nodiscard]] std::string_view element_of(const Gpu& gpu, const char* key, std::size_t index);
// The field of such an element, of "0 MIG-... 1 0", and a number in it.
[[nodiscard]] std::string_view field_of(std::string_view element, std::size_t index);
[[nodiscard]] unsigned long long to_number(std::string_view digits);

// Writes the GPUs in order of their index, returns how many there are.
[[nodiscard]] std::size_t gpus(Gpu (&out)[kMaxGpus]);

}  // namespace simdriver
