// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <optional>

#include "nvhook/base/quote.hpp"
#include "rest/arguments.hpp"
#include "rest/safe_text.hpp"

namespace nvhook::rest {
namespace {

// RFC 1950. Nothing: there is no memory for it.
std::optional<std::string> deflate(std::string_view text) {
  auto size = compressBound(text.size());
  std::string compressed(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(compressed.data()), &size,
                reinterpret_cast<const Bytef*>(text.data()), text.size(),
                Z_DEFAULT_COMPRESSION) != Z_OK)
    return std::nullopt;
  compressed.resize(size);
  return compressed;
}

// RFC 4648 section 5, without the "=" at the end.
std::string base64_url(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned bits = 0;
  unsigned count = 0;  // of bits that are not written yet, in the low end of `bits`
  for (const char c : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 0x3fU];
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 0x3fU];
  return text;
}

}  // namespace

Answered<std::string> mesos_text(const Info& info, std::string_view info_json) {
  const auto compressed = deflate(info_json);
  if (!compressed) return std::unexpected(Failure{"zlib has no memory"});
  std::string uuids;
  for (const auto& device : info.devices) {
    if (!device.uuid) continue;  // NVML does not say it of a GPU that is lost
    if (!is_safe(*device.uuid))
      return std::unexpected(
          Failure{"the UUID " + quote(*device.uuid) + " has no place on a command line"});
    if (!uuids.empty()) uuids += ',';
    uuids += *device.uuid;
  }
  return "--attributes=gpus:" + base64_url(*compressed) + " --resources=gpus:{" + uuids + "}";
}

}  // namespace nvhook::rest
