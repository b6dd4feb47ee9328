// SPDX-License-Identifier: Apache-2.0
#include "driver/gpus.hpp"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::driver {
namespace {

constexpr std::size_t kMaxGpus = 64;             // the driver itself ends at 32
constexpr std::size_t kMaxInformation = 4096;    // bytes; a dozen lines
constexpr std::uint32_t kFirstOtherMinor = 254;  // nvidia-modeset, nvidiactl: 254, 255
constexpr std::string_view kGpus = "driver/nvidia/gpus";

// The number that is the whole text.
template <class T>
std::optional<T> number(std::string_view text, int base) {
  T value{};
  const char* start = text.data();
  const char* end = start + text.size();
  const auto [stopped, code] = std::from_chars(start, end, value, base);
  if (code != std::errc() || stopped != end) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// Cuts the text behind the first `mark`; gives what is before it.
std::string_view cut_at(std::string_view& text, char mark) {
  const auto end = text.find(mark);
  const auto before = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return before;
}

}  // namespace

std::optional<PciAddress> parse_pci_address(std::string_view text) {
  const auto domain = number<std::uint64_t>(cut_at(text, ':'), 16);
  const auto bus = number<std::uint32_t>(cut_at(text, ':'), 16);
  const auto device = number<std::uint32_t>(cut_at(text, '.'), 16);
  const auto function = number<std::uint32_t>(text, 16);
  if (!domain || !bus || !device || !function) return std::nullopt;
  return PciAddress{*domain, *bus, *device, *function};
}

Result<GpuInformation> parse_gpu_information(std::string_view text) {
  GpuInformation gpu;
  std::optional<std::uint32_t> minor;
  while (!text.empty()) {
    auto value = cut_at(text, '\n');
    const auto key = trimmed(cut_at(value, ':'));
    value = trimmed(value);
    if (key == "Model") gpu.model = value;
    if (key == "GPU UUID") gpu.uuid = value;
    if (key == "GPU Excluded") gpu.excluded = value == "Yes";
    if (key == "Device Minor") {
      minor = number<std::uint32_t>(value, 10);
      if (!minor || *minor >= kFirstOtherMinor)
        return failure(ErrorId::DriverRead, "device minor " + quote(value));
    }
  }
  if (!minor) return failure(ErrorId::DriverRead, "no line \"Device Minor\"");
  gpu.minor = *minor;
  return gpu;
}

Result<std::vector<Gpu>> find_gpus(int proc) {
  const auto dir = files::open_at(proc, kGpus, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
  if (!dir && dir.error().code() == std::errc::no_such_file_or_directory) return std::vector<Gpu>{};
  if (!dir) return std::unexpected(Error(dir.error()).as(ErrorId::DriverRead));
  auto names = files::names_in(dir->get(), kMaxGpus);
  if (!names)
    return std::unexpected(std::move(names).error().as(ErrorId::DriverRead).within(quote(kGpus)));

  std::vector<std::pair<PciAddress, Gpu>> found;
  for (const auto& name : *names) {
    const auto address = parse_pci_address(name);
    // One GPU not counted would shift the index of all behind it.
    if (!address) return failure(ErrorId::DriverRead, "no PCI address: GPU " + quote(name));
    const auto text =
        files::read_file(dir->get(), name + "/information", kMaxInformation, files::Lookup::InRoot);
    if (!text)
      return std::unexpected(
          Error(text.error()).as(ErrorId::DriverRead).within("GPU " + quote(name)));
    auto gpu = parse_gpu_information(*text);
    if (!gpu) return failed_to("GPU " + quote(name), std::move(gpu));
    if (gpu->excluded) continue;
    found.emplace_back(*address, Gpu{.index = 0,
                                     .minor = gpu->minor,
                                     .uuid = std::move(gpu->uuid),
                                     .bus = name,
                                     .model = std::move(gpu->model),
                                     .node = {},
                                     .number = {},
                                     .information = *text});
  }
  std::ranges::sort(found, {}, &std::pair<PciAddress, Gpu>::first);
  std::vector<Gpu> gpus;
  for (auto& [address, gpu] : found) {
    gpu.index = static_cast<std::uint32_t>(gpus.size());
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

}  // namespace nvhook::driver
