// SPDX-License-Identifier: Apache-2.0
#include "driver/sockets.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/trust.hpp"

namespace nvhook::driver {
namespace {

// Where the daemons have them, and libnvidia-cfg and NVML look. Source: nvidia-persistenced(1);
// the fabric manager's user guide, FM_CMD_UNIX_SOCKET_PATH.
constexpr auto kPersistenced = "/var/run/nvidia-persistenced/socket";
constexpr auto kFabricManager = "/var/run/nvidia-fabricmanager/socket";

struct Opened {
  UniqueFd fd;
  struct stat status {};
};

// Nothing if it is not there.
Result<std::optional<Opened>> open_and_look(int directory, std::string_view name, int flags,
                                            files::Lookup lookup) {
  auto fd = files::open_at(directory, name, O_PATH | flags, lookup);
  if (!fd && leads_nowhere(fd.error())) return std::nullopt;
  if (!fd) return std::unexpected(std::move(fd).error());
  Opened opened{.fd = std::move(*fd), .status = {}};
  if (::fstat(opened.fd.get(), &opened.status) != 0)
    return system_failure(ErrorId::Kernel, "stat " + quote(name));
  return opened;
}

Result<void> add_socket(HostRoot root, const HostPath& path, FoundFiles& found) {
  const auto directory =
      open_and_look(root.fd, path.parent().value, O_DIRECTORY, files::Lookup::InRoot);
  if (!directory) return std::unexpected(Error(directory.error()));
  if (!*directory) return {};
  const int above = (*directory)->fd.get();
  const auto socket = open_and_look(above, path.name(), O_NOFOLLOW, files::Lookup::Plain);
  if (!socket) return std::unexpected(Error(socket.error()));
  if (!*socket) return {};
  auto real = files::path_of(above);
  if (!real) return std::unexpected(std::move(real).error());
  auto at = HostPath{*std::move(real)} / path.name();
  const auto objection = files::objection_to_socket((*socket)->status, (*directory)->status);
  if (!objection.empty()) {
    found.omitted.push_back({std::move(at), std::string(objection)});
    return {};
  }
  found.files.push_back({.kind = FileKind::Socket,
                         .path = std::move(at),
                         .target = {path.value},
                         .capabilities = {Capability::Utility}});
  return {};
}

// Without a link on the way: anybody can make one where everybody may make things.
Result<void> add_mps_directory(HostRoot root, const HostPath& path, FoundFiles& found) {
  const auto miss = [&](std::string_view why) {
    found.warnings.push_back(
        {WarningId::FileSkipped, "the MPS directory " + quote(path.value) + " " + std::string(why) +
                                     ": programs in the container do not find MPS; start "
                                     "nvidia-cuda-mps-control with CUDA_MPS_PIPE_DIRECTORY set so, "
                                     "as root, or correct mps_directory in the configuration"});
  };
  const auto inside = path.value.substr(1);
  const auto directory = open_and_look(root.fd, inside, O_DIRECTORY, files::Lookup::Plain);
  if (!directory) return std::unexpected(Error(directory.error()));
  if (!*directory) {
    miss("is not there, or is a link");
    return {};
  }
  auto below = (*directory)->status;
  for (auto above = path.parent();; above = above.parent()) {
    const bool is_top = above.value == "/";
    const std::string_view inside_above = is_top ? "." : std::string_view(above.value).substr(1);
    const auto parent = open_and_look(root.fd, inside_above, O_DIRECTORY, files::Lookup::Plain);
    if (!parent) return std::unexpected(Error(parent.error()));
    if (!*parent) return {};
    const auto objection = files::objection_to_directory(below, (*parent)->status);
    if (!objection.empty()) {
      miss(objection);
      return {};
    }
    if (is_top) break;
    below = (*parent)->status;
  }
  auto real = files::path_of((*directory)->fd.get());
  if (!real) return std::unexpected(std::move(real).error());
  found.files.push_back({.kind = FileKind::Directory,
                         .path = {*std::move(real)},
                         .target = {path.value},
                         .capabilities = {Capability::Compute}});
  return {};
}

}  // namespace

Result<FoundFiles> find_sockets(HostRoot root, const Extras& extras, Capabilities wanted) {
  FoundFiles found;
  Result<void> done;
  const bool utility = wanted.contains(Capability::Utility);
  if (utility && extras.persistenced_socket) done = add_socket(root, {kPersistenced}, found);
  if (done && utility && extras.fabricmanager_socket)
    done = add_socket(root, {kFabricManager}, found);
  if (done && wanted.contains(Capability::Compute) && !extras.mps_directory.empty())
    done = add_mps_directory(root, {extras.mps_directory}, found);
  if (!done) return std::unexpected(std::move(done).error());
  return found;
}

}  // namespace nvhook::driver
