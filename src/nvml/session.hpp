// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "nvhook/nvml/nvml.hpp"
#include "nvml/device.hpp"
#include "nvml/library.hpp"

namespace nvhook::nvml {

// NVML, initialised, with what it says of the driver and its handles of the GPUs; and CUDA.
struct Session {
  struct Place {
    Handle handle = nullptr;
    int code = -1;  // which NVML gave with it
  };

  Library nvml;
  std::optional<Library> cuda;
  Nvml driver;  // without GPUs
  std::vector<Place> places;

  // Null where NVML gives none.
  [[nodiscard]] std::vector<Handle> handles() const;
};

// Fails with the document that says why.
[[nodiscard]] std::expected<Session, Nvml> open_session(const std::string& nvml);

// Asks for those of the GPUs that NVML has not given yet. Whether it gave any.
bool take_handles(Session& session);

// Loads and initialises CUDA, if that can be done: it finds no device otherwise. Nothing of the
// GPUs' memory is taken, for there is no context. Needs no device to say its version.
void open_cuda(const std::string& cuda, Session& session);

}  // namespace nvhook::nvml
