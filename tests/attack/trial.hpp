// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attack/variant.hpp"
#include "integration/bundle.hpp"
#include "support/launch.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {

// A container and the hook on it, for tests that try the same thing a thousand times: with only
// what tells the difference between a container that is whole, one that is as before, and any
// other.
class Trial {
 public:
  // `arrange` makes the image. The container is of this tier's kernel.
  Trial(Tier tier, const std::function<void(FakeRoot&)>& arrange,
        TestContainer::Options container = {});

  // A fresh container over the root file system as it is now.
  void renew();

  // The hook on this container, to be changed before it is launched.
  [[nodiscard]] Launch hook(std::vector<std::string> arguments = {"prestart"});

  // The plan, by a dry run on this container.
  [[nodiscard]] nlohmann::json plan();

  // What is not as it was before the hook, a line each.
  [[nodiscard]] std::string changes() const { return container_->changes_since(before_); }
  // What of the plan is not there, a line each.
  [[nodiscard]] std::string missing(const nlohmann::json& plan) const;

  [[nodiscard]] const TestContainer& container() const { return *container_; }

 private:
  Tier tier_;
  TestContainer::Options options_;
  Bundle bundle_;
  std::unique_ptr<TestContainer> container_;
  std::vector<std::string> before_;
};

}  // namespace nvhook::test
