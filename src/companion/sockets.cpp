// SPDX-License-Identifier: Apache-2.0
#include "sockets.hpp"

#include <utility>

#include "nvhook/companion/original.hpp"

namespace nvhook::companion {

Result<void> RestSocket::open(const Setup& setup) {
  const auto endpoint = setup.manner == Manner::Original
                            ? original::endpoint_of(setup.endpoint.shown)
                            : Result<Endpoint>(setup.endpoint);
  if (!endpoint) return std::unexpected(endpoint.error());
  auto socket = listen_at(*endpoint);
  if (!socket) return std::unexpected(std::move(socket).error());
  socket_ = std::move(*socket);
  inherited_ = false;
  at_ = setup.endpoint;
  return {};
}

Result<void> VolumeSocket::open(const Setup& setup) {
  auto made = PluginSocket::make(setup.socket_directory);
  if (!made) return std::unexpected(std::move(made).error());
  close();
  made_ = std::move(*made);
  directory_ = setup.socket_directory;
  return {};
}

void VolumeSocket::close() {
  if (made_) made_->remove();
  made_.reset();
  inherited_ = UniqueFd();
}

}  // namespace nvhook::companion
