// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "nvhook/base/message_id.hpp"

namespace nvhook {

// A failure with the story of what we were doing, outermost step first.
class Error {
 public:
  Error(ErrorId id, std::string message, std::error_code code = {})
      : id_(id), code_(code), message_(std::move(message)) {}

  [[nodiscard]] ErrorId id() const noexcept { return id_; }
  [[nodiscard]] std::error_code code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }

  // "E_KERNEL: bind /usr/lib/libcuda.so.1: open_tree: Permission denied"
  [[nodiscard]] std::string text() const;

  [[nodiscard]] Error within(std::string_view step) &&;
  // The same failure under an id that says more about whose problem it is.
  [[nodiscard]] Error as(ErrorId id) &&;

 private:
  ErrorId id_;
  std::error_code code_;
  std::string message_;
};

template <class T>
using Result = std::expected<T, Error>;

// A failure that no system call reported.
[[nodiscard]] std::unexpected<Error> failure(ErrorId id, std::string message);

// Wraps the current errno; call it before anything else can overwrite errno. `action` names the
// call and its object: "openat2 /etc/passwd".
[[nodiscard]] std::unexpected<Error> system_failure(ErrorId id, std::string action);

// Whether a lookup failed because its name leads to nothing, or to nothing that may be had: an
// answer. Other failures (too many open files, no memory, a disk that does not answer) say nothing
// about the name, and must not be taken for its absence.
[[nodiscard]] bool leads_nowhere(const Error& lookup);

// Passes a failure up, saying what this caller was doing.
template <class T>
[[nodiscard]] std::unexpected<Error> failed_to(std::string_view step, Result<T>&& result) {
  return std::unexpected(std::move(result).error().within(step));
}

// A warning travels as data to whoever prints it.
struct Warning {
  WarningId id;
  std::string text;
  bool operator==(const Warning&) const = default;
};

}  // namespace nvhook
