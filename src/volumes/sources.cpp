// SPDX-License-Identifier: Apache-2.0
#include "volumes/sources.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"
#include "volumes/safe_directory.hpp"

namespace nvhook::volumes {
namespace {

// Below "/".
std::string relative(const HostPath& path) {
  return path.value == "/" ? "." : path.value.substr(1);
}

std::unexpected<Error> not_trusted(const HostPath& path) {
  return failure(ErrorId::SrcTrust, quote(path.value) +
                                        " can be changed by others than root; make it root's, "
                                        "mode 0755");
}

// That a name leads to nothing means that the driver has changed since it was found.
std::unexpected<Error> cannot_open(Error error, const HostPath& path) {
  if (leads_nowhere(error)) error = std::move(error).as(ErrorId::SrcChanged);
  return std::unexpected(std::move(error).within("driver file " + quote(path.value)));
}

}  // namespace

Result<Sources> Sources::open() {
  auto root = files::open_host_directory("/", ErrorId::Kernel);
  if (!root) return std::unexpected(std::move(root).error());
  return Sources(*std::move(root));
}

Result<void> Sources::check_directory(const HostPath& path) {
  if (checked_.contains(path)) return {};
  const auto fd =
      files::open_at(root_.get(), relative(path), O_PATH | O_DIRECTORY, files::Lookup::Plain);
  if (!fd) return cannot_open(fd.error(), path);
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(path.value));
  if (!is_ours_alone(status)) return not_trusted(path);
  checked_.insert(path);
  return {};
}

Result<OpenSource> Sources::open(const HostPath& path, int flags) {
  if (auto fine = check_directory(path.parent()); !fine)
    return std::unexpected(std::move(fine).error());
  auto fd = files::open_at(root_.get(), relative(path), flags | O_NOFOLLOW, files::Lookup::Plain);
  if (!fd) return cannot_open(std::move(fd).error(), path);
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(path.value));
  if (!S_ISREG(status.st_mode))
    return failure(ErrorId::SrcChanged, "driver file " + quote(path.value) + " is no plain file");
  if (!is_ours_alone(status)) return not_trusted(path);
  return OpenSource{.fd = *std::move(fd), .origin = origin_of(status)};
}

Result<Manifest> Sources::look_at(const Contents& contents) {
  Manifest manifest{.version = contents.version, .files = {}};
  for (const auto& file : contents.files) {
    const auto source = open(file.source, O_PATH);
    if (!source) return std::unexpected(source.error());
    manifest.files.push_back({.file = file, .origin = source->origin, .way = Way::Linked});
  }
  return manifest;
}

}  // namespace nvhook::volumes
