// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "directories.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/companion/listen.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::companion {
namespace {

constexpr std::size_t kMost = 8192;  // of a file that may be ours

std::unexpected<Error> refused(const std::string& path, const char* what) {
  return system_failure(ErrorId::Listen, std::string(what) +
                                             " the file by which Docker finds the "
                                             "plugin, " +
                                             quote(path));
}

}  // namespace

Result<SpecFile> SpecFile::write(const std::string& path, const std::string& socket_directory) {
  SpecFile spec;
  spec.path_ = path;
  spec.text_ = "unix://" + socket_directory + "/" + std::string(kSocketName) + "\n";
  if (const auto slash = path.rfind('/'); slash > 0)
    make_directories(path.substr(0, slash), S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH);
  const auto aside = path + ".new";
  ::unlink(aside.c_str());
  const UniqueFd file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                             S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH));
  if (!file) return refused(path, "write");
  const auto size = static_cast<ssize_t>(spec.text_.size());
  if (::write(file.get(), spec.text_.data(), spec.text_.size()) != size ||
      ::rename(aside.c_str(), path.c_str()) != 0) {
    auto error = refused(path, "write");
    ::unlink(aside.c_str());
    return error;
  }
  return spec;
}

void SpecFile::remove() {
  const UniqueFd file(::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return;
  const auto text = files::read_all(file.get(), kMost);
  if (text && *text == text_) ::unlink(path_.c_str());
}

}  // namespace nvhook::companion
