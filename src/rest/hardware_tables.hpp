// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// What neither NVML nor CUDA says, by what they say.
namespace nvhook::rest {

// "Ampere" of compute capability "8.0". Source: the names of the CUDA programming guide, appendix
// "Compute Capabilities"; the first five are those of the original.
[[nodiscard]] std::optional<std::string_view> family_of(std::string_view arch);

// 64 of "8.0". Source: _ConvertSMVer2Cores in helper_cuda.h of NVIDIA's CUDA samples 13.0; 3.0 to
// 6.2 as in the original.
[[nodiscard]] std::optional<std::uint32_t> cores_per_multiprocessor(std::string_view arch);

// MB/s of a lane. Source: PCI Express base specification, bit rate by line code: 2.5 and 5 GT/s of
// which 8 bits in 10 count, 8, 16 and 32 of which 128 in 130, 64 of which 242 bytes in a flit of
// 256.
[[nodiscard]] std::optional<std::uint32_t> lane_bandwidth(std::uint32_t pcie_generation);

// How near two GPUs are, by the level that NVML says (nvml::Link).
struct LinkKind {
  std::uint32_t number = 0;
  std::string_view text = "N/A";
};
[[nodiscard]] LinkKind link_kind(std::string_view level);

}  // namespace nvhook::rest
