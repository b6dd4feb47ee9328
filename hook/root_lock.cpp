// SPDX-License-Identifier: Apache-2.0
#include "root_lock.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include <cerrno>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"

namespace nvhook {
namespace {

constexpr int kWaitMilliseconds = 5000;  // a run takes some ten of them
constexpr int kAgainMilliseconds = 2;

}  // namespace

Result<UniqueFd> lock_root(int root, const std::string& path) {
  auto directory =
      files::open_at(root, ".", O_RDONLY | O_DIRECTORY | O_NONBLOCK, files::Lookup::SameMount);
  if (!directory) return failed_to("lock " + quote(path), std::move(directory));
  for (int waited = 0; ::flock(directory->get(), LOCK_EX | LOCK_NB) != 0;
       waited += kAgainMilliseconds) {
    if (errno != EWOULDBLOCK) return UniqueFd();
    if (waited >= kWaitMilliseconds)
      return failure(ErrorId::Race, "another run for a container of the root " + quote(path) +
                                        ", or such a container, has kept it locked for " +
                                        std::to_string(kWaitMilliseconds / 1000) + " seconds");
    ::poll(nullptr, 0, kAgainMilliseconds);
  }
  return directory;
}

}  // namespace nvhook
