// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/ldcache/merge.hpp"

// The exchange of a loader's file as one document, for a process that can do nothing else.
namespace nvhook::ldcache {

enum class FileKind : std::uint8_t {
  Cache,     // merge()
  MuslPath,  // extend_musl_path(), of the libraries' directories
};

// `present`: the bytes of the file as it is, none if there is none. Of kMaxCacheBytes and
// kMaxEntries at most.
[[nodiscard]] std::string ask(FileKind kind, std::span<const Library> ours,
                              std::string_view present);

// The bytes of the new file. Fails as merge() does, and with E_BUG for bytes that ask() does not
// give.
[[nodiscard]] Result<std::string> answer(std::string_view question);

}  // namespace nvhook::ldcache
