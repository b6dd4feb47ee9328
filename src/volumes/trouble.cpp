// SPDX-License-Identifier: Apache-2.0
#include "volumes/trouble.hpp"

#include <cerrno>
#include <utility>

namespace nvhook::volumes {

std::unexpected<Error> trouble(std::string action) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return system_failure(full ? ErrorId::NoSpace : ErrorId::Store, std::move(action));
}

Error as_trouble(Error error) {
  const bool full = error.code() == std::errc::no_space_on_device ||
                    error.code() == std::error_code(EDQUOT, std::system_category());
  return std::move(error).as(full ? ErrorId::NoSpace : ErrorId::Store);
}

}  // namespace nvhook::volumes
