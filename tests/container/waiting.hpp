// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>

namespace nvhook::test {

// A child process that does something and then waits, as a container's does while hooks run. Ends
// with the object.
class Waiting {
 public:
  // Returns when `prepare` has been done in the child; aborts if it gives false.
  explicit Waiting(const std::function<bool()>& prepare);
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void end();                  // and is reaped: its number is free
  void end_as_zombie() const;  // and is not

 private:
  pid_t pid_;
  bool reaped_ = false;
};

}  // namespace nvhook::test
