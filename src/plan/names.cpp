// SPDX-License-Identifier: Apache-2.0
#include "names.hpp"

#include <cstdlib>

namespace nvhook::plan {

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::Library:
      return "library";
    case Kind::Library32:
      return "library32";
    case Kind::Binary:
      return "binary";
    case Kind::Device:
      return "device";
    case Kind::Directory:
      return "directory";
    case Kind::Socket:
      return "socket";
    case Kind::Firmware:
      return "firmware";
    case Kind::Config:
      return "config";
    case Kind::Procfs:
      return "procfs";
  }
  std::abort();  // every enumerator is handled above
}

std::string_view reason_of(const DriverView& view) {
  return view.whole ? "the granted GPUs only" : "parameters of a driver that makes no nodes";
}

std::string_view name_of(State state) {
  switch (state) {
    case State::Mount:
      return "mount";
    case State::Present:
      return "present";
  }
  std::abort();  // every enumerator is handled above
}

std::string_view name_of(Unknown unknown) {
  switch (unknown) {
    case Unknown::Cgroup:
      return "cgroup";
    case Unknown::PresentNodes:
      return "present-nodes";
    case Unknown::Propagation:
      return "propagation";
  }
  std::abort();  // every enumerator is handled above
}

std::string_view name_of(CacheAction action) {
  switch (action) {
    case CacheAction::None:
      return "none";
    case CacheAction::Merge:
      return "merge";
    case CacheAction::Create:
      return "create";
    case CacheAction::Bind:
      return "bind";
    case CacheAction::MuslPath:
      return "musl-path";
    case CacheAction::Unknown:
      return "unknown";
  }
  std::abort();  // every enumerator is handled above
}

std::string_view name_of(container::Standing standing) {
  switch (standing) {
    case container::Standing::Nothing:
      return "nothing";
    case container::Standing::File:
      return "a file";
    case container::Standing::Directory:
      return "a directory";
    case container::Standing::Link:
      return "a symbolic link";
    case container::Standing::CharDevice:
      return "another device";
    case container::Standing::Other:
      return "a special file";
  }
  std::abort();  // every enumerator is handled above
}

}  // namespace nvhook::plan
