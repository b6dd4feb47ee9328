// SPDX-License-Identifier: Apache-2.0
// Family D: what an image may have where the driver's files are due, and on the way there.
#include <gmock/gmock.h>

#include "attack/attack.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

class Destinations : public Attack {};

TEST_P(Destinations, D00_AnHonestImageGetsTheDriver) {
  scene().traced = true;

  contained();

  EXPECT_GT(outcome().plan.mounts.size(), 20U);
}

INSTANTIATE_TEST_SUITE_P(Kernel, Destinations, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
