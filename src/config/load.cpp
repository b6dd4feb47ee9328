// SPDX-License-Identifier: Apache-2.0
#include "nvhook/config/load.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/files/trust.hpp"

namespace nvhook::config {
namespace {

// The name as it stands in messages, where "file:line" is easier to use than "\"file\":line".
std::string shown(const std::string& file) {
  const auto quoted = quote(file);
  return quoted.size() == file.size() + 2 ? file : quoted;  // nothing had to be escaped or cut
}

// Whoever may write the file decides what root mounts.
Result<void> check_trust(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_failure(ErrorId::Config, "stat");
  if (!S_ISREG(status.st_mode)) return failure(ErrorId::Config, "is not a regular file");
  if (!files::is_roots(status.st_uid) && status.st_uid != ::geteuid())
    return failure(ErrorId::Config,
                   "belongs to user " + std::to_string(status.st_uid) + ", root is due");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return failure(ErrorId::Config, "may be written by others than its owner (chmod go-w)");
  return {};
}

using Parse = Result<Parsed> (*)(std::string_view toml, std::string_view origin);

Result<Parsed> load_with(Parse parse_text, const std::string& path) {
  const auto origin = shown(path);
  // O_NONBLOCK: a fifo must not make us wait for a writer before we can refuse it.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return system_failure(ErrorId::Config, "open " + origin);
  if (auto trusted = check_trust(fd.get()); !trusted) return failed_to(origin, std::move(trusted));
  auto text = files::read_all(fd.get(), kMaxConfigFile);
  if (!text) return std::unexpected(std::move(text).error().within(origin).as(ErrorId::Config));
  return parse_text(*text, origin);
}

bool is_absent(const Result<Parsed>& loaded) {
  return !loaded && loaded.error().code() == std::errc::no_such_file_or_directory;
}

}  // namespace

Result<Parsed> load(const std::optional<std::string>& file, const UsualFiles& usual) {
  if (file) return load_with(parse, *file);
  auto loaded = load_with(parse, usual.ours);
  if (is_absent(loaded)) loaded = load_with(parse_nvidia, usual.nvidias);
  if (is_absent(loaded)) return Parsed{.settings = defaults()};
  return loaded;
}

}  // namespace nvhook::config
