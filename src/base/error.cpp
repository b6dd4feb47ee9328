// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/error.hpp"

#include <cerrno>

namespace nvhook {

std::string Error::text() const {
  std::string text(name_of(id_));
  text += ": ";
  text += message_;
  if (code_) {
    text += ": ";
    text += code_.message();
  }
  return text;
}

Error Error::within(std::string_view step) && {
  message_.insert(0, std::string(step) + ": ");
  return std::move(*this);
}

Error Error::as(ErrorId id) && {
  id_ = id;
  return std::move(*this);
}

std::unexpected<Error> failure(ErrorId id, std::string message) {
  return std::unexpected(Error(id, std::move(message)));
}

std::unexpected<Error> system_failure(ErrorId id, std::string action) {
  const std::error_code code(errno, std::system_category());
  return std::unexpected(Error(id, std::move(action), code));
}

bool leads_nowhere(const Error& lookup) {
  const auto& code = lookup.code();
  return code == std::errc::no_such_file_or_directory || code == std::errc::not_a_directory ||
         code == std::errc::too_many_symbolic_link_levels || code == std::errc::cross_device_link ||
         code == std::errc::filename_too_long || code == std::errc::permission_denied;
}

}  // namespace nvhook
