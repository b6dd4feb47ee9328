// SPDX-License-Identifier: Apache-2.0
#include "device_id.hpp"

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "environment.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::request {
namespace {

// With "x" for a hexadecimal digit, in lower case.
constexpr std::string_view kGpuForm = "gpu-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
constexpr std::string_view kMigForm = "mig-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
constexpr std::size_t kPrefix = 4;  // "gpu-"

// Whether the text is of that form, or how one begins.
bool begins_form(std::string_view text, std::string_view form) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  if (text.size() > form.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (form[i] == 'x' ? !kHexDigits.contains(text[i]) : text[i] != form[i]) return false;
  return true;
}

// Whole, or the beginning with one digit at least.
std::optional<GpuUuid> as_uuid(std::string_view item) {
  if (item.size() <= kPrefix || item.size() > kGpuForm.size()) return std::nullopt;
  const auto text = in_lower_case(item);
  if (!begins_form(text, kGpuForm)) return std::nullopt;
  return GpuUuid{"GPU-" + text.substr(kPrefix)};
}

// "0:1"
std::optional<MigIndex> as_mig_index(std::string_view item) {
  const auto colon = item.find(':');
  if (colon == item.npos) return std::nullopt;
  const auto gpu = as_number(item.substr(0, colon));
  const auto device = as_number(item.substr(colon + 1));
  if (!gpu || !device) return std::nullopt;
  return MigIndex{.gpu = *gpu, .device = *device};
}

std::optional<MigUuid> as_mig_uuid(std::string_view item) {
  if (item.size() != kMigForm.size()) return std::nullopt;
  const auto text = in_lower_case(item);
  if (!begins_form(text, kMigForm)) return std::nullopt;
  return MigUuid{"MIG-" + text.substr(kPrefix)};
}

// "MIG-GPU-<uuid>/3/0"
std::optional<MigInstance> as_mig_instance(std::string_view item) {
  const auto first = item.find('/');
  if (first != kPrefix + kGpuForm.size() || in_lower_case(item.substr(0, kPrefix)) != "mig-")
    return std::nullopt;
  auto uuid = as_uuid(item.substr(kPrefix, kGpuForm.size()));
  item.remove_prefix(first + 1);
  const auto second = item.find('/');
  if (!uuid || second == item.npos) return std::nullopt;
  const auto gpu_instance = as_number(item.substr(0, second));
  const auto compute_instance = as_number(item.substr(second + 1));
  if (!gpu_instance || !compute_instance) return std::nullopt;
  return MigInstance{.gpu_uuid = std::move(uuid->uuid),
                     .gpu_instance = *gpu_instance,
                     .compute_instance = *compute_instance};
}

// A hexadecimal number of so many digits at most.
std::optional<std::uint32_t> as_hex(std::string_view text, std::size_t most_digits) {
  std::uint32_t number = 0;
  const auto* const end = text.data() + text.size();
  if (text.size() > most_digits) return std::nullopt;
  const auto [stop, problem] = std::from_chars(text.data(), end, number, 16);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<GpuId> as_device(std::string_view item) {
  if (const auto index = as_number(item)) return GpuIndex{*index};
  if (auto uuid = as_uuid(item)) return *std::move(uuid);
  if (const auto mig = as_mig_index(item)) return *mig;
  if (auto mig = as_mig_uuid(item)) return *std::move(mig);
  if (auto mig = as_mig_instance(item)) return *std::move(mig);
  if (const auto bus = parse_bus(item)) return *bus;
  return std::nullopt;
}

// "vendor.com/class=name".
bool names_cdi_device(std::string_view item) {
  const auto slash = item.find('/');
  return slash != item.npos && item.find('=', slash) != item.npos;
}

std::string advice_about(std::string_view item, std::string_view words) {
  if (names_cdi_device(item))
    return " is a CDI device, which the engine has to resolve and not a hook (podman --device, "
           "docker --device)";
  if (in_lower_case(item.substr(0, kPrefix)) == "mig-")
    return " names no MIG device: MIG-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, the whole of it, is "
           "due, or MIG-GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx/3/0 with the numbers of its GPU "
           "instance and compute instance";
  return " names no GPU: " + std::string(words) +
         ", an index such as 0, a UUID (GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx) or its "
         "beginning, "
         "a PCI address such as 0000:65:00.0, or a MIG device such as 0:1 or "
         "MIG-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx is due";
}

}  // namespace

std::optional<GpuBus> parse_bus(std::string_view text) {
  const auto dot = text.find('.');
  if (dot != text.npos && as_hex(text.substr(dot + 1), 1) != 0U) return std::nullopt;
  text = text.substr(0, dot);
  const auto last = text.rfind(':');
  if (last == text.npos) return std::nullopt;
  const auto device = as_hex(text.substr(last + 1), 2);
  text = text.substr(0, last);
  const auto first = text.rfind(':');
  if (first == text.npos && dot == text.npos) return std::nullopt;  // "0:1" is another thing
  const auto bus = as_hex(text.substr(first == text.npos ? 0 : first + 1), 2);
  const auto domain =
      first == text.npos ? std::optional<std::uint32_t>(0) : as_hex(text.substr(0, first), 8);
  if (!device || !bus || !domain) return std::nullopt;
  return GpuBus{.domain = *domain, .bus = *bus, .device = *device};
}

Result<GpuId> parse_device(std::string_view where, std::string_view words, std::string_view item) {
  if (auto id = as_device(item)) return *std::move(id);
  return bad_value(ErrorId::ReqDevice, where, quote(item) + advice_about(item, words));
}

bool means_all(std::string_view item) { return item.size() == 3 && in_lower_case(item) == "all"; }

}  // namespace nvhook::request
