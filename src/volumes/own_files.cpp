// SPDX-License-Identifier: Apache-2.0
#include "volumes/own_files.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/read.hpp"
#include "volumes/trouble.hpp"

namespace nvhook::volumes {
namespace {

constexpr mode_t kMode = 0600;

Result<void> write_and_sync(int fd, std::string_view text, Durable durable,
                            const std::string& name) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return trouble("write " + quote(name));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (durable == Durable::Yes && ::fsync(fd) != 0) return trouble("fsync " + quote(name));
  return {};
}

}  // namespace

Result<void> write_own(int own, const std::string& name, std::string_view text, Durable durable) {
  const auto beside = "." + name;
  if (::unlinkat(own, beside.c_str(), 0) != 0 && errno != ENOENT)
    return trouble("remove " + quote(beside));
  const UniqueFd fd(
      ::openat(own, beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode));
  if (!fd) return trouble("make " + quote(beside));
  auto done = write_and_sync(fd.get(), text, durable, name);
  if (done && ::renameat(own, beside.c_str(), own, name.c_str()) != 0)
    done = trouble("rename to " + quote(name));
  if (!done) {
    ::unlinkat(own, beside.c_str(), 0);
    return done;
  }
  if (durable == Durable::Yes && ::fsync(own) != 0) return trouble("fsync the store");
  return {};
}

Result<void> shorten_own(int own, const std::string& name, std::string_view text) {
  const UniqueFd fd(::openat(own, name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return trouble("open " + quote(name));
  if (auto done = write_and_sync(fd.get(), text, Durable::No, name); !done) return done;
  if (::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0)
    return trouble("shorten " + quote(name));
  return {};
}

Result<std::optional<std::string>> read_own(int own, const std::string& name, std::size_t cap) {
  auto text = files::read_file(own, name, cap, files::Lookup::Plain);
  if (text) return *std::move(text);
  if (text.error().code() == std::errc::no_such_file_or_directory) return std::nullopt;
  return std::unexpected(as_trouble(std::move(text).error()));
}

Result<UniqueFd> lock_own(int own, std::chrono::milliseconds patience) {
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 5'000'000};
  UniqueFd fd(::openat(own, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, kMode));
  if (!fd) return trouble("open the store's lock");
  const auto end = std::chrono::steady_clock::now() + patience;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return trouble("lock the store");
    if (std::chrono::steady_clock::now() >= end)
      return std::unexpected(Error(ErrorId::Store,
                                   "another process is at work on the store, and has been for " +
                                       std::to_string(patience.count() / 1000) + " s",
                                   std::make_error_code(std::errc::timed_out)));
    ::nanosleep(&kPause, nullptr);
  }
  return fd;
}

}  // namespace nvhook::volumes
