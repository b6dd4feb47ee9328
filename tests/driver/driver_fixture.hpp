// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include "driver/fake_host.hpp"

namespace nvhook::test {

// Tests that discover a fake host's driver.
class DriverFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!host_.has_nodes()) GTEST_SKIP() << "needs root: mknod(2) of the driver's device nodes";
  }

  FakeHost host_;
};

}  // namespace nvhook::test
