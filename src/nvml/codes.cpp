// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "nvhook/nvml/nvml.hpp"

namespace nvhook::nvml {
namespace {

struct Code {
  int code;
  std::string_view name;
};

// Source: nvml.h, nvmlReturn_t; without its prefixes NVML_ and ERROR_.
constexpr std::array kCodes = {
    Code{0, "SUCCESS"},
    Code{1, "UNINITIALIZED"},
    Code{2, "INVALID_ARGUMENT"},
    Code{3, "NOT_SUPPORTED"},
    Code{4, "NO_PERMISSION"},
    Code{5, "ALREADY_INITIALIZED"},
    Code{6, "NOT_FOUND"},
    Code{7, "INSUFFICIENT_SIZE"},
    Code{8, "INSUFFICIENT_POWER"},
    Code{9, "DRIVER_NOT_LOADED"},
    Code{10, "TIMEOUT"},
    Code{11, "IRQ_ISSUE"},
    Code{12, "LIBRARY_NOT_FOUND"},
    Code{13, "FUNCTION_NOT_FOUND"},
    Code{14, "CORRUPTED_INFOROM"},
    Code{15, "GPU_IS_LOST"},
    Code{16, "RESET_REQUIRED"},
    Code{17, "OPERATING_SYSTEM"},
    Code{18, "LIB_RM_VERSION_MISMATCH"},
    Code{19, "IN_USE"},
    Code{20, "MEMORY"},
    Code{21, "NO_DATA"},
    Code{22, "VGPU_ECC_NOT_SUPPORTED"},
    Code{23, "INSUFFICIENT_RESOURCES"},
    Code{24, "FREQ_NOT_SUPPORTED"},
    Code{25, "ARGUMENT_VERSION_MISMATCH"},
    Code{26, "DEPRECATED"},
    Code{27, "NOT_READY"},
    Code{28, "GPU_NOT_FOUND"},
    Code{29, "INVALID_STATE"},
    Code{30, "RESET_TYPE_NOT_SUPPORTED"},
    Code{999, "UNKNOWN"},
};

}  // namespace

std::string_view name_of_code(int code) {
  const auto known = std::ranges::find(kCodes, code, &Code::code);
  return known == kCodes.end() ? "CODE" : known->name;
}

}  // namespace nvhook::nvml
