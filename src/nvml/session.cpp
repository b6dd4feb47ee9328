// SPDX-License-Identifier: Apache-2.0
#include "nvml/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nvhook::nvml {
namespace {

constexpr unsigned kMostGpus = 64;  // the driver itself ends at 32

// "12.4" of 12040.
std::string cuda_version(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 100 / 10);
}

std::optional<std::string> system_text(const Library& library, const char* name) {
  std::array<char, 81> text{};
  if (library.call(name, text.data(), static_cast<unsigned>(text.size() - 1)) != kSuccess)
    return std::nullopt;
  return std::string(text.data());
}

// The newer function says nothing where it does not find libcuda, the older one what was built into
// it.
std::optional<std::string> cuda_by(const Library& nvml) {
  for (const char* name : {"nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion"}) {
    int version = 0;
    if (nvml.call(name, &version) == kSuccess && version > 0) return cuda_version(version);
  }
  return std::nullopt;
}

}  // namespace

std::vector<Handle> Session::handles() const {
  std::vector<Handle> handles;
  for (const auto& place : places)
    handles.push_back(place.code == kSuccess ? place.handle : nullptr);
  return handles;
}

std::expected<Session, Nvml> open_session(const std::string& nvml) {
  Nvml said;
  auto library = Library::open(nvml);
  if (!library) {
    said.error = {.call = "dlopen",
                  .code = kLibraryNotFound,
                  .name = std::string(name_of_code(kLibraryNotFound)),
                  .text = library.error()};
    return std::unexpected(std::move(said));
  }
  const auto failed = [&](const char* call, int code) {
    said.error = trouble_of(*library, call, code);
    return std::unexpected(std::move(said));
  };
  if (const int code = library->call_first({"nvmlInit_v2", "nvmlInit"}); code != kSuccess)
    return failed("nvmlInit_v2", code);
  said.driver = system_text(*library, "nvmlSystemGetDriverVersion");
  said.nvml = system_text(*library, "nvmlSystemGetNVMLVersion");
  said.cuda = cuda_by(*library);
  unsigned count = 0;
  if (const int code = library->call_first({"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"}, &count);
      code != kSuccess)
    return failed("nvmlDeviceGetCount_v2", code);
  Session session{.nvml = *library, .cuda = {}, .driver = std::move(said), .places = {}};
  session.places.resize(std::min(count, kMostGpus));
  take_handles(session);
  return session;
}

bool take_handles(Session& session) {
  bool any = false;
  for (unsigned i = 0; i < session.places.size(); ++i) {
    auto& place = session.places[i];
    if (place.code == kSuccess) continue;
    place.code = session.nvml.call_first(
        {"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"}, i, &place.handle);
    any = any || place.code == kSuccess;
  }
  return any;
}

void open_cuda(const std::string& cuda, Session& session) {
  auto library = Library::open(cuda);
  if (!library) return;
  int version = 0;
  if (library->call("cuDriverGetVersion", &version) == kSuccess && version > 0)
    session.driver.cuda = cuda_version(version);
  if (library->call("cuInit", 0U) == kSuccess) session.cuda = std::move(*library);
}

}  // namespace nvhook::nvml
