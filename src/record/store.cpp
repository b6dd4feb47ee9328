// SPDX-License-Identifier: Apache-2.0
#include "nvhook/record/store.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/files/write.hpp"

namespace nvhook::record {
namespace {

constexpr auto kParent = "/run";
constexpr auto kDirectory = "nvhook";
constexpr auto kPath = "/run/nvhook";

constexpr std::size_t kMaxFormerBytes = std::size_t{8} << 20U;  // no larger one is exchanged
constexpr std::size_t kMaxNames = 1'000'000;  // containers of one machine, and what is at work

std::unexpected<Error> trouble(std::string action) {
  return system_failure(ErrorId::Record, std::move(action));
}

// Whether nobody but root has made or can change it.
bool is_roots_alone(const struct stat& status) {
  return status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// The name while it is being written: nobody reads it, and a run that was killed leaves it to the
// next one of the same container.
std::string beside(const std::string& name) { return "." + name; }

// Where the bytes of a file of the image's are kept. Asks for no memory, for a record is taken back
// where there is none.
class FormerName {
 public:
  explicit FormerName(std::string_view name) {
    constexpr std::string_view kEnding = ".former";
    const auto stem = name.substr(0, std::min(name.rfind('.'), kMaxName - kEnding.size()));
    stem.copy(text_.data(), stem.size());
    kEnding.copy(text_.data() + stem.size(), kEnding.size());
  }
  [[nodiscard]] const char* c_str() const { return text_.data(); }

 private:
  std::array<char, kMaxName + 1> text_{};
};

Result<UniqueFd> write_new(int directory, const std::string& name, std::string_view text) {
  if (::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) return trouble("unlink");
  UniqueFd fd(::openat(directory, name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return trouble("make");
  if (auto done = files::write_whole(fd.get(), text); !done)
    return std::unexpected(std::move(done).error().as(ErrorId::Record));
  return fd;
}

}  // namespace

Result<Store> Store::open(Missing missing) {
  const auto parent = files::open_host_directory(kParent, ErrorId::Record);
  if (!parent) return std::unexpected(parent.error());
  if (missing == Missing::Make && ::mkdirat(parent->get(), kDirectory, 0700) != 0 &&
      errno != EEXIST)
    return trouble(std::string("make ") + kPath);
  auto directory =
      files::open_at(parent->get(), kDirectory, O_RDONLY | O_DIRECTORY, files::Lookup::Plain);
  if (!directory)
    return std::unexpected(std::move(directory).error().within(kPath).as(ErrorId::Record));
  struct stat status {};
  if (::fstat(directory->get(), &status) != 0) return trouble(std::string("stat ") + kPath);
  if (!is_roots_alone(status))
    return failure(ErrorId::Record, std::string(kPath) +
                                        " can be changed by others than root: chown root:root and "
                                        "chmod go-w it, and see what is in it");
  return Store(std::move(*directory));
}

Result<UniqueFd> Store::write(const Record& record,
                              const std::optional<std::string_view>& former) const {
  const auto text = to_json(record);
  if (!text) return std::unexpected(text.error());
  const auto name = file_name(record.bundle, record.id);
  const auto where = std::string(kPath) + "/" + name;
  // First: a record that speaks of a file has its bytes.
  if (former) {
    if (auto kept = write_new(directory_.get(), FormerName(name).c_str(), *former); !kept) {
      ::unlinkat(directory_.get(), FormerName(name).c_str(), 0);
      return failed_to(where, std::move(kept));
    }
  } else {
    ::unlinkat(directory_.get(), FormerName(name).c_str(), 0);  // of an older record
  }
  auto written = write_new(directory_.get(), beside(name), *text);
  if (!written) written = failed_to(where, std::move(written));
  if (written &&
      ::renameat(directory_.get(), beside(name).c_str(), directory_.get(), name.c_str()) != 0)
    written = trouble("rename to " + where);
  if (written) return written;
  ::unlinkat(directory_.get(), beside(name).c_str(), 0);
  if (former) ::unlinkat(directory_.get(), FormerName(name).c_str(), 0);
  return written;
}

Result<void> Store::add(int record, const std::vector<Made>& made) {
  auto done = files::write_whole(record, to_json(made));
  if (!done) return std::unexpected(std::move(done).error().as(ErrorId::Record));
  return {};
}

Result<std::vector<std::string>> Store::names() const {
  auto names = files::names_in(directory_.get(), kMaxNames);
  if (!names) return std::unexpected(std::move(names).error().within(kPath).as(ErrorId::Record));
  std::erase_if(*names, [](const std::string& name) {
    return name.starts_with('.') || !name.ends_with(".json");
  });
  return names;
}

namespace {

Result<std::string> read_trusted(int directory, const std::string& name, std::size_t most) {
  const auto where = std::string(kPath) + "/" + name;
  const auto fd =
      files::open_at(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, files::Lookup::Plain);
  if (!fd) return std::unexpected(Error(fd.error()).within(where).as(ErrorId::Record));
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return trouble("stat " + where);
  if (!S_ISREG(status.st_mode) || !is_roots_alone(status))
    return failure(ErrorId::Record, where + " is no plain file of root's alone");
  auto bytes = files::read_all(fd->get(), most);
  if (!bytes) return std::unexpected(std::move(bytes).error().within(where).as(ErrorId::Record));
  return bytes;
}

}  // namespace

Result<Record> Store::read(const std::string& name) const {
  const auto where = std::string(kPath) + "/" + name;
  const auto text = read_trusted(directory_.get(), name, kMaxRecordBytes);
  if (!text) return std::unexpected(text.error());
  auto record = parse(*text);
  if (!record) return failed_to(where, std::move(record));
  if (file_name(record->bundle, record->id) != name)
    return failure(ErrorId::Record, where + " is the record of another container");
  return record;
}

Result<std::string> Store::read_former(const std::string& name) const {
  return read_trusted(directory_.get(), FormerName(name).c_str(), kMaxFormerBytes);
}

Result<void> Store::remove_unfinished() const {
  constexpr time_t kPatience = 60;  // seconds; a run takes some ten milliseconds
  auto names = files::names_in(directory_.get(), kMaxNames);
  if (!names) return std::unexpected(std::move(names).error().within(kPath).as(ErrorId::Record));
  const auto finished = [&](const std::string& name) {
    if (name.starts_with('.')) return false;
    const auto record = name.substr(0, name.rfind('.')) + ".json";
    return std::ranges::find(*names, record) != names->end();
  };
  for (const auto& name : *names) {
    struct stat status {};
    if (finished(name) ||
        ::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (S_ISREG(status.st_mode) && ::time(nullptr) - status.st_mtime > kPatience)
      ::unlinkat(directory_.get(), name.c_str(), 0);
  }
  return {};
}

Result<void> Store::remove(const std::string& name) const {
  ::unlinkat(directory_.get(), FormerName(name).c_str(), 0);
  if (::unlinkat(directory_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
  return trouble("remove " + std::string(kPath) + "/" + name);
}

}  // namespace nvhook::record
