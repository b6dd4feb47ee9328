// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attack/variant.hpp"
#include "integration/bundle.hpp"
#include "support/fake_root.hpp"
#include "support/launch.hpp"

namespace nvhook::test {

// How what a dead container has of ours is taken away.
enum class Sweeping { Poststop, Cleanup };

// A container that had the driver and is no more: its root file system, and the record of it.
class DeadContainer {
 public:
  // Names below a directory, and what they are: type, mode, owner, size, text of a link or content.
  using Names = std::map<std::string, std::string>;

  // `arrange` changes the image first. It has a link to exchange, a file to cover, a directory to
  // make and a cache to merge.
  explicit DeadContainer(const Variant& variant,
                         const std::function<void(FakeRoot&)>& arrange = {});

  // Runs the hook for another container made of the root as it is, which then dies. `living` is
  // done while it lives.
  void live_and_die(const std::function<void()>& living = {});

  [[nodiscard]] FakeRoot& root() { return bundle_.root(); }
  [[nodiscard]] std::filesystem::path on_disk(const std::string& path = "/") {
    return bundle_.root().on_disk(path);
  }
  // nvhook, to be launched. The state is that of a runtime that says it has stopped.
  [[nodiscard]] Launch sweep(Sweeping how) const;
  [[nodiscard]] std::string state(const std::string& status) const;
  [[nodiscard]] Variant variant() const { return variant_; }

  // Where its record is, and what is in it.
  [[nodiscard]] std::filesystem::path record_file() const;
  [[nodiscard]] nlohmann::json record() const;
  // The record without word of the inodes that were made, as of a hook that was killed.
  void forget_inodes() const;

  // The root now, and before there was a container.
  [[nodiscard]] Names names();
  [[nodiscard]] const Names& before() const { return before_; }
  [[nodiscard]] static Names names_below(const std::filesystem::path& top);

 private:
  Variant variant_;
  Bundle bundle_;
  FakeRoot settings_;
  std::string id_;
  Names before_;
};

// What of `before` is otherwise in `after`, a line each, but for these paths, what is below, and
// directories on the way to them.
[[nodiscard]] std::string differences(const DeadContainer::Names& before,
                                      const DeadContainer::Names& after,
                                      const std::vector<std::string>& but = {});

}  // namespace nvhook::test
