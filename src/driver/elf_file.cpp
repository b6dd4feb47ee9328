// SPDX-License-Identifier: Apache-2.0
#include "driver/elf_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "nvhook/base/byte_reader.hpp"

namespace nvhook::driver {
namespace {

// As much of `size` bytes at `offset` as the file has.
Result<std::string> read_part(int fd, std::uint64_t offset, std::size_t size) {
  std::string part(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const auto got =
        ::pread(fd, part.data() + have, size - have, static_cast<off_t>(offset + have));
    if (got < 0) return system_failure(ErrorId::Kernel, "read");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  part.resize(have);
  return part;
}

}  // namespace

Result<ElfFile> read_elf(int fd) {
  ElfFile file;
  std::optional<Error> trouble;
  auto library = elf::parse(
      [&](std::uint64_t offset, std::size_t size) -> std::optional<std::span<const std::byte>> {
        constexpr std::uint64_t kFarthest = std::numeric_limits<off_t>::max();
        if (offset > kFarthest || size > kFarthest - offset) return std::nullopt;
        auto part = read_part(fd, offset, size);
        if (!part) trouble = std::move(part).error();
        if (!part || part->size() < size) return std::nullopt;
        return bytes_of(file.parts.emplace_back(*std::move(part)));
      });
  if (trouble) return std::unexpected(*std::move(trouble));
  if (!library) return std::unexpected(std::move(library).error());
  file.library = *std::move(library);
  return file;
}

}  // namespace nvhook::driver
