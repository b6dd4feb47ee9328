// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nvhook::compat {

// What a libcuda that was made for forward compatibility says of itself.
// Source: the note ".note.cuda.fwd_compatibility" of libcuda.so.575.57.08 and 590.44.01; NVIDIA
// Container Toolkit, cmd/nvidia-cdi-hook/cudacompat/cuda-elf-header.go.
struct Support {
  std::uint32_t format = 0;
  std::string cuda_version;  // "12.9": digits and dots, maybe empty
  std::vector<std::uint32_t>
      drivers;  // host drivers that it works on, by the version's first number
  std::vector<std::uint32_t> devices;  // kinds of GPU that it works on, in numbers of NVIDIA's own
  bool operator==(const Support&) const = default;
};

inline constexpr std::size_t kMaxNumbers = 256;      // of one list of Support; usual are ten
inline constexpr std::size_t kMaxCudaVersion = 32;   // bytes
inline constexpr std::size_t kMaxNoteText = 16'384;  // bytes of the note's text; usual are 100

// A file of the image is read by a process that may open it, in pieces that a process asks for that
// may not: what has been read of it so far.
struct Piece {
  std::uint64_t offset = 0;
  std::string_view bytes;  // borrowed
};
struct Excerpt {
  std::uint64_t file_size = 0;
  std::vector<Piece> pieces;
};

inline constexpr std::size_t kMaxPiece = std::size_t{64} << 10U;
inline constexpr std::size_t kMaxPieces = 16;
inline constexpr std::size_t kMaxExcerpt = std::size_t{512} << 10U;  // bytes of all pieces

// The next piece: it lies in the file, and no piece of the excerpt has all of it.
struct Need {
  std::uint64_t offset = 0;
  std::uint32_t size = 0;  // 1 to kMaxPiece
  bool operator==(const Need&) const = default;
};

// The file can be no library, or its note none that we understand.
struct Damaged {
  std::string why;  // for people; printable ASCII
  bool operator==(const Damaged&) const = default;
};

struct Examined {
  std::optional<Support> support;  // none: it has no such note
  bool operator==(const Examined&) const = default;
};

using Finding = std::variant<Need, Damaged, Examined>;

// Looks for the note in the section of its name, else among the notes of segments: that of NVIDIA
// whose text begins as JSON does. Pure, without memory of former calls, and bounded. Given the
// pieces that it asks for it comes to an end, mostly after three.
[[nodiscard]] Finding examine(const Excerpt& file);

}  // namespace nvhook::compat
