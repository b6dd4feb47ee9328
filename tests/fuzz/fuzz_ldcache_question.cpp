// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/ldcache/musl_path.hpp"
#include "nvhook/ldcache/question.hpp"

namespace {

using namespace nvhook::ldcache;

const std::vector<Library> kOurs = {{"libcuda.so.1", "/usr/lib/libcuda.so.1", Abi::X86_64},
                                    {"libcuda.so.1", "/usr/lib32/libcuda.so.1", Abi::I386}};
const std::vector<std::string_view> kDirectories = {"/usr/lib", "/usr/lib32"};

}  // namespace

// A question that nobody may have asked is answered or refused. One about a file with these bytes
// is answered as those say who know such files.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto any = answer(input);
  if (!any && any.error().id() != nvhook::ErrorId::Bug &&
      any.error().id() != nvhook::ErrorId::DriverRead)
    std::abort();

  const auto cache = answer(ask(FileKind::Cache, kOurs, input));
  const auto merged = merge(nvhook::bytes_of(input), kOurs, "nvhook");
  if (cache.has_value() != merged.has_value() || (cache && *cache != *merged)) std::abort();

  const auto list = answer(ask(FileKind::MuslPath, kOurs, input));
  if (!list || *list != extend_musl_path(input, kDirectories)) std::abort();
  if (extend_musl_path(*list, kDirectories) != *list) std::abort();
  return 0;
}
