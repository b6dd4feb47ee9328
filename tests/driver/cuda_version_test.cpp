// SPDX-License-Identifier: Apache-2.0
#include "nvhook/driver/cuda_version.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace nvhook::driver {
namespace {

TEST(CudaVersion, IsThatOfTheDriversBranch) {
  EXPECT_EQ(cuda_version_of("550.54.14"), "12.4");
  EXPECT_EQ(cuda_version_of("390.157"), "9.1");
  EXPECT_EQ(cuda_version_of("535"), "12.2");
  EXPECT_EQ(cuda_version_of("55.1"), std::nullopt);
  EXPECT_EQ(cuda_version_of("9999.1"), std::nullopt);
  EXPECT_EQ(cuda_version_of(""), std::nullopt);
}

TEST(CudaVersion, OfALaterBranchIsNotOlder) {
  const auto numbers = [](std::string_view version) {
    const auto dot = version.find('.');
    return std::pair(std::stoi(std::string(version.substr(0, dot))),
                     std::stoi(std::string(version.substr(dot + 1))));
  };
  for (std::size_t i = 1; i < kCudaBranches.size(); ++i) {
    EXPECT_LT(kCudaBranches[i - 1].branch, kCudaBranches[i].branch);
    EXPECT_LE(numbers(kCudaBranches[i - 1].cuda), numbers(kCudaBranches[i].cuda));
  }
}

}  // namespace
}  // namespace nvhook::driver
