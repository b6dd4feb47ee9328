// SPDX-License-Identifier: Apache-2.0
#include "compat/cuda_note.hpp"

#include <utility>

#include "nvhook/base/byte_writer.hpp"
#include "nvhook/elf/elf.hpp"
#include "support/elf_image.hpp"

namespace nvhook::test {

std::string CudaNote::bytes() const {
  auto name = owner + '\0';
  const auto name_size = static_cast<std::uint32_t>(name.size());
  name.resize((name.size() + align - 1) / align * align);
  ByteWriter out;
  out.put(name_size);
  out.put(static_cast<std::uint32_t>(text.size()) + missing);
  out.put(std::uint32_t{0});
  return std::move(out).take() + name + text;
}

std::string libcuda_with(const CudaNote& note) {
  return ElfImage{.machine = static_cast<std::uint16_t>(elf::native().machine),
                  .soname = "libcuda.so.1",
                  .needed = {},
                  .notes = {},
                  .note_sections = {{".note.gnu.build-id", "x"},
                                    {".note.cuda.fwd_compatibility", note.bytes()}}}
      .bytes();
}

std::string mute_library() {
  return ElfImage{.machine = static_cast<std::uint16_t>(elf::native().machine),
                  .soname = "libcuda.so.1",
                  .needed = {},
                  .notes = {abi_note(3, 2, 0)}}
      .bytes();
}

}  // namespace nvhook::test
