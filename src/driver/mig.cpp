// SPDX-License-Identifier: Apache-2.0
#include "driver/mig.hpp"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "nvhook/base/device_number.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"

namespace nvhook::driver {
namespace {

constexpr std::string_view kCapabilities = "driver/nvidia/capabilities";
constexpr std::string_view kFolder = "nvidia-caps";
constexpr std::string_view kMinors = "driver/nvidia-caps/mig-minors";
constexpr std::size_t kMaxAccess = 1024;                   // bytes; three lines
constexpr std::size_t kMaxMinors = std::size_t{1} << 20U;  // bytes; of 32 GPUs a tenth of it
constexpr std::size_t kMaxInstances = 64;                  // in one directory; GPUs have seven

std::optional<std::uint32_t> number_in(std::string_view text) {
  std::uint32_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || stop != end || text != std::to_string(number)) return std::nullopt;
  return number;
}

// The id in the name of an instance's directory, "gi7" or "ci0".
std::optional<std::uint32_t> id_in(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  return number_in(name.substr(prefix.size()));
}

// The node of the right with this minor, below the directory of all of them.
DeviceNode node_of(const HostPath& folder, std::uint32_t major, std::uint32_t minor) {
  const auto name = "nvidia-cap" + std::to_string(minor);
  return {.path = folder / name,
          .name = std::string(kFolder) + "/" + name,
          .number = {.major = major, .minor = minor}};
}

// Reads what stands for rights, with the directories that it needs open.
class Reader {
 public:
  static Result<Reader> open(const CapabilitySources& sources) {
    Reader reader(sources);
    auto root =
        files::open_at(sources.proc, kCapabilities, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
    if (!root && root.error().code() == std::errc::no_such_file_or_directory) return reader;
    if (!root) return std::unexpected(std::move(root).error().as(ErrorId::DriverRead));
    reader.root_ = std::move(*root);
    auto folder = open_folder(sources.nodes, kFolder);
    if (!folder) return std::unexpected(std::move(folder).error());
    reader.folder_ = std::move(*folder);
    return reader;
  }

  // The ids of the directories there with names that begin so, in order; none if it is not there.
  [[nodiscard]] Result<std::vector<std::uint32_t>> ids(const std::string& directory,
                                                       std::string_view prefix) const {
    std::vector<std::uint32_t> ids;
    if (!root_) return ids;
    const auto fd =
        files::open_at(root_.get(), directory, O_PATH | O_DIRECTORY, files::Lookup::InRoot);
    if (!fd && fd.error().code() == std::errc::no_such_file_or_directory) return ids;
    if (!fd) return unreadable(directory, fd.error());
    const auto names = files::names_in(fd->get(), kMaxInstances);
    if (!names) return unreadable(directory, names.error());
    for (const auto& name : *names)
      if (const auto id = id_in(name, prefix)) ids.push_back(*id);
    std::ranges::sort(ids);
    return ids;
  }

  // Nothing if there is no such file.
  [[nodiscard]] Result<std::optional<Access>> access(std::string file) const {
    if (!root_) return std::nullopt;
    auto text = files::read_file(root_.get(), file, kMaxAccess, files::Lookup::InRoot);
    // An instance that is taken away meanwhile has a file that cannot be read any more.
    if (!text && (text.error().code() == std::errc::no_such_file_or_directory ||
                  text.error().code() == std::errc::io_error))
      return std::nullopt;
    if (!text) return unreadable(file, text.error());
    const auto minor = parse_access(*text);
    if (!minor)
      return failure(ErrorId::DriverRead, quote(std::string(kCapabilities) + "/" + file) +
                                              ": no line \"DeviceFileMinor\" with a number");
    Access access{.file = std::move(file), .text = *std::move(text), .node = {}, .missing = {}};
    if (auto done = find_node(access, *minor); !done)
      return std::unexpected(std::move(done).error());
    return access;
  }

 private:
  explicit Reader(const CapabilitySources& sources)
      : folder_path_(sources.nodes.path / kFolder), major_(sources.major) {}

  static std::unexpected<Error> unreadable(const std::string& name, const Error& error) {
    return std::unexpected(Error(error)
                               .within(quote(std::string(kCapabilities) + "/" + name))
                               .as(ErrorId::DriverRead));
  }

  Result<void> find_node(Access& access, std::uint32_t minor) const {
    access.node = node_of(folder_path_, major_.value_or(0), minor);
    if (!major_) {
      access.missing =
          "the kernel module has no devices \"nvidia-caps\": load it with nv_cap_enable_devfs=1";
      return {};
    }
    const std::string name(access.node.path.name());
    const auto found = folder_ ? check_node(folder_->directory(), name, access.node.number)
                               : failure(ErrorId::NodeMissing, "");
    if (found) return {};
    if (found.error().id() ==
        ErrorId::NodeType) {  // left over from another major; who needs it fails
      access.missing = found.error().message();
      return {};
    }
    if (found.error().id() != ErrorId::NodeMissing) return std::unexpected(found.error());
    access.missing = "no device node " + quote(access.node.path.value) +
                     "; nvidia-modprobe -f /proc/" + std::string(kCapabilities) + "/" +
                     access.file + " makes it";
    return {};
  }

  UniqueFd root_;  // empty: the driver has no such files
  std::optional<NodeFolder> folder_;
  HostPath folder_path_;
  std::optional<std::uint32_t> major_;
};

// An instance that is being made or taken away has a directory and no file in it.
Result<void> find_instances_of(const Reader& reader, Gpu& gpu) {
  const auto top = "gpu" + std::to_string(gpu.minor) + "/mig";
  const auto gpu_instances = reader.ids(top, "gi");
  if (!gpu_instances) return std::unexpected(gpu_instances.error());
  for (const auto gpu_instance : *gpu_instances) {
    const auto directory = top + "/gi" + std::to_string(gpu_instance);
    auto access = reader.access(directory + "/access");
    if (!access) return std::unexpected(std::move(access).error());
    if (!*access) continue;
    auto& found = gpu.mig.emplace_back(GpuInstance{gpu_instance, std::move(**access), {}});
    const auto ids = reader.ids(directory, "ci");
    if (!ids) return std::unexpected(ids.error());
    for (const auto id : *ids) {
      auto right = reader.access(directory + "/ci" + std::to_string(id) + "/access");
      if (!right) return std::unexpected(std::move(right).error());
      if (*right) found.compute.push_back({id, std::move(**right)});
    }
  }
  return {};
}

}  // namespace

std::optional<std::uint32_t> parse_access(std::string_view text) {
  constexpr std::string_view kKey = "DeviceFileMinor:";
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    std::uint32_t minor = 0;
    const auto* const end = line.data() + line.size();
    const auto [stop, problem] = std::from_chars(line.data(), end, minor);
    if (problem != std::errc() || stop != end) return std::nullopt;
    return is_possible({.major = 0, .minor = minor}) ? std::optional(minor) : std::nullopt;
  }
  return std::nullopt;
}

std::vector<MigMinor> parse_mig_minors(std::string_view text) {
  std::vector<MigMinor> minors;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto gpu = id_in(line.substr(0, line.find('/')), "gpu");
    const auto minor = number_in(line.substr(line.rfind(' ') + 1));
    if (gpu && minor && is_possible({.major = 0, .minor = *minor}))
      minors.push_back({*gpu, *minor});
  }
  return minors;
}

Result<void> find_instances(const CapabilitySources& sources, std::vector<Gpu>& gpus) {
  const auto reader = Reader::open(sources);
  if (!reader) return std::unexpected(reader.error());
  for (auto& gpu : gpus)
    if (auto done = find_instances_of(*reader, gpu); !done)
      return failed_to("GPU " + quote(gpu.bus), std::move(done));
  return {};
}

Result<std::optional<Access>> find_access(const CapabilitySources& sources, std::string_view file) {
  const auto reader = Reader::open(sources);
  if (!reader) return std::unexpected(reader.error());
  return reader->access(std::string(file));
}

Result<std::optional<Partitioning>> find_partitioning(const CapabilitySources& sources,
                                                      const std::vector<Gpu>& gpus) {
  const auto folder = open_folder(sources.nodes, kFolder);
  if (!folder) return std::unexpected(folder.error());
  if (!*folder || !sources.major) return std::nullopt;
  Partitioning found{.directory = (*folder)->path, .rights = {}};
  const auto text = files::read_file(sources.proc, kMinors, kMaxMinors, files::Lookup::InRoot);
  if (!text && text.error().code() == std::errc::no_such_file_or_directory) return found;
  if (!text) return std::unexpected(Error(text.error()).within(kMinors).as(ErrorId::DriverRead));
  for (const auto& [gpu, minor] : parse_mig_minors(*text))
    if (std::ranges::find(gpus, gpu, &Gpu::minor) != gpus.end())
      found.rights.push_back({gpu, node_of(found.directory, *sources.major, minor)});
  return found;
}

}  // namespace nvhook::driver
