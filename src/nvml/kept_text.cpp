// SPDX-License-Identifier: Apache-2.0
#include "nvml/kept_text.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/files/write.hpp"

namespace nvhook::nvml {
namespace {

constexpr auto kDirectory = "host";
constexpr std::size_t kMaxKey = 65536;

// Whether nobody but this user has made or can change it.
bool is_ours_alone(int fd, mode_t type) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == type &&
         status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::unexpected<Error> trouble(const std::string& action) {
  return system_failure(ErrorId::NvmlAnswer, action);
}

Result<UniqueFd> open_ours(int above, const char* name) {
  auto directory = files::open_at(above, name, O_RDONLY | O_DIRECTORY, files::Lookup::Plain);
  if (!directory) return directory;
  if (!is_ours_alone(directory->get(), S_IFDIR))
    return failure(ErrorId::NvmlAnswer, quote(name) + " can be changed by others");
  return directory;
}

// The directory below `parent`, which is itself made if `make` says so.
enum class Missing : std::uint8_t { Make, Fail };
Result<UniqueFd> open_directory(const std::string& parent, Missing missing) {
  if (missing == Missing::Make && ::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST)
    return trouble("make " + quote(parent));
  const auto above = files::open_host_directory(parent, ErrorId::NvmlAnswer);
  if (!above) return std::unexpected(above.error());
  if (!is_ours_alone(above->get(), S_IFDIR))
    return failure(ErrorId::NvmlAnswer, quote(parent) + " can be changed by others");
  if (missing == Missing::Make && ::mkdirat(above->get(), kDirectory, 0700) != 0 && errno != EEXIST)
    return trouble("make " + quote(kDirectory));
  return open_ours(above->get(), kDirectory);
}

Result<void> write_file(int directory, const std::string& name, std::string_view key,
                        std::string_view document) {
  const UniqueFd file(::openat(directory, name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return trouble("make " + quote(name));
  for (const auto part : {key, std::string_view("\n"), document})
    if (auto done = files::write_whole(file.get(), part); !done)
      return std::unexpected(std::move(done).error().as(ErrorId::NvmlAnswer));
  return {};
}

}  // namespace

std::optional<std::string> recall_text(const std::string& parent, const std::string& name,
                                       std::string_view key, std::size_t most) {
  const auto directory = open_directory(parent, Missing::Fail);
  if (!directory) return std::nullopt;
  const auto file = files::open_at(directory->get(), name, O_RDONLY | O_NONBLOCK | O_NOCTTY,
                                   files::Lookup::Plain);
  if (!file || !is_ours_alone(file->get(), S_IFREG)) return std::nullopt;
  auto text = files::read_all(file->get(), kMaxKey + most);
  if (!text || !text->starts_with(key) || text->size() <= key.size() || (*text)[key.size()] != '\n')
    return std::nullopt;
  text->erase(0, key.size() + 1);
  return std::move(*text);
}

Result<void> remember_text(const std::string& parent, const std::string& name, std::string_view key,
                           std::string_view text) {
  if (key.size() > kMaxKey) return failure(ErrorId::NvmlAnswer, "the key is too long");
  const auto directory = open_directory(parent, Missing::Make);
  if (!directory) return std::unexpected(directory.error());
  // A run that was killed leaves it to the next one with its number.
  const auto beside = "." + name + "-" + std::to_string(::getpid());
  ::unlinkat(directory->get(), beside.c_str(), 0);
  auto done = write_file(directory->get(), beside, key, text);
  if (done && ::renameat(directory->get(), beside.c_str(), directory->get(), name.c_str()) != 0)
    done = trouble("rename " + quote(beside));
  if (!done) ::unlinkat(directory->get(), beside.c_str(), 0);
  return done;
}

}  // namespace nvhook::nvml
