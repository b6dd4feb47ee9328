// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "check_demands.hpp"
#include "choose_gpus.hpp"
#include "draft_devices.hpp"
#include "draft_files.hpp"
#include "nvhook/plan/make_plan.hpp"

namespace nvhook::plan {
namespace {

using container::Place;
using driver::Abi;
using driver::Driver;

// Where programs go, whatever the image: the directory that every PATH has.
constexpr std::string_view kProgramDirectory = "/usr/bin";

// Read by musl's loader, named after its architecture. Source: musl, ldso/dynlink.c, load_library.
#if defined(__x86_64__)
constexpr auto kMuslPathFile = "ld-musl-x86_64.path";
#else
constexpr auto kMuslPathFile = "ld-musl-aarch64.path";
#endif

// The trees of Layout::Tree: where images for GPUs have had the driver since the volumes of 2016,
// and a place of the runtime's own for roots that nothing may be made in.
constexpr std::pair kTree{"/usr/local", "nvidia"};
constexpr std::pair kTreeOfReadOnlyRoot{"/dev", ".nvhook"};
constexpr std::string_view kTreeLibraries = "lib64";
constexpr std::string_view kTreeLibraries32 = "lib";
constexpr std::string_view kTreePrograms = "bin";

// Links beside the SONAMEs that programs open by name. "%" stands for the driver's version.
struct FixedLink {
  std::string_view name;
  std::string_view target;
};
constexpr std::array kFixedLinks = {
    FixedLink{"libcuda.so", "libcuda.so.1"},
    FixedLink{"libnvidia-opticalflow.so", "libnvidia-opticalflow.so.1"},
    FixedLink{"libGLX_indirect.so.0", "libGLX_nvidia.so.%"},
    FixedLink{"libnvidia-vulkan-producer.so", "libnvidia-vulkan-producer.so.%"},
};

// The first of the requested capabilities that brings the library.
std::optional<Capability> reason_for(const driver::Library& library, Capabilities requested) {
  for (const auto capability : kAllCapabilities)
    if (requested.contains(capability) && library.capabilities.contains(capability))
      return capability;
  return std::nullopt;
}

class Drafter {
 public:
  Drafter(const request::Request& request, const Driver& driver, const container::Image& image,
          std::optional<Place> tree)
      : request_(request),
        driver_(driver),
        libraries_(image.library_directory),
        libraries32_(image.library32_directory),
        programs_{std::string(kProgramDirectory)} {
    draft_.tree = std::move(tree);
    if (!draft_.tree) return;
    const auto at = draft_.tree->directory / draft_.tree->name;
    libraries_ = at / kTreeLibraries;
    libraries32_ = at / kTreeLibraries32;
    programs_ = at / kTreePrograms;
  }

  Draft draft(std::vector<driver::Gpu> gpus) && {
    draft_.gpus = std::move(gpus);
    draft_.omitted = driver_.omitted;
    for (const auto& library : driver_.libraries) add_library(library);
    for (const auto& program : driver_.programs) add_program(program);
    for (const auto& node : driver_.nodes) add_node(node);
    return std::move(draft_);
  }

 private:
  void add_library(const driver::Library& library) {
    const bool compat = library.abi == Abi::Compat32;
    if (compat && !request_.capabilities.contains(Capability::Compat32)) return;
    const auto capability = reason_for(library, request_.capabilities);
    if (!capability) return;
    const auto& directory = compat ? libraries32_ : libraries_;
    const auto kind = compat ? Kind::Library32 : Kind::Library;
    const std::string file(library.path.name());
    // The host's folders (vdpau/, tls/) are flattened, so two files may want one name.
    if (!taken_.insert({directory, file}).second) {
      draft_.omitted.push_back({library.path, "another file of that name is injected already"});
      return;
    }
    draft_.mounts.push_back({.kind = kind,
                             .capability = capability,
                             .reason = std::string(name_of(*capability)),
                             .source = library.path,
                             .place = {directory, file},
                             .number = {},
                             .findable = library.links.empty()});
    for (const auto& link : library.links) add_link(library, kind, *capability, link, file);
    for (const auto& [name, pattern] : kFixedLinks) {
      std::string target(pattern);
      if (const auto mark = target.find('%'); mark != target.npos)
        target.replace(mark, 1, driver_.version);
      const bool ours =
          target == file || std::ranges::find(library.links, target) != library.links.end();
      if (ours) add_link(library, kind, *capability, std::string(name), target);
    }
  }

  void add_link(const driver::Library& library, Kind kind, Capability capability,
                const std::string& name, const std::string& target) {
    const auto& directory = kind == Kind::Library32 ? libraries32_ : libraries_;
    if (!taken_.insert({directory, name}).second) return;
    draft_.links.push_back({.place = {directory, name},
                            .target = target,
                            .library = library.path,
                            .kind = kind,
                            .capability = capability});
  }

  void add_program(const driver::Program& program) {
    if (!request_.capabilities.contains(program.capability)) return;
    const Place place{programs_, std::string(program.path.name())};
    draft_.mounts.push_back({.kind = Kind::Binary,
                             .capability = program.capability,
                             .reason = std::string(name_of(program.capability)),
                             .source = program.path,
                             .place = place,
                             .number = {}});
    if (draft_.tree)
      draft_.links.push_back({.place = {{std::string(kProgramDirectory)}, place.name},
                              .target = (place.directory / place.name).value,
                              .library = program.path,
                              .kind = Kind::Binary,
                              .capability = program.capability});
  }

  void add_node(const driver::Node& node) {
    std::optional<Capability> capability;
    const auto first_of = [&](std::initializer_list<Capability> bringing) {
      for (const auto candidate : bringing)
        if (!capability && request_.capabilities.contains(candidate)) capability = candidate;
      return capability.has_value();
    };
    switch (node.kind) {
      case driver::NodeKind::Control:
        break;
      case driver::NodeKind::Uvm:
      case driver::NodeKind::UvmTools:
        if (!first_of({Capability::Compute, Capability::Video})) return;
        break;
      case driver::NodeKind::Modeset:
        // Vulkan's presentation needs it with "graphics" alone.
        if (!first_of({Capability::Display, Capability::Graphics})) return;
        break;
    }
    draft_.mounts.push_back(
        device_mount({.path = node.path, .name = node.name, .number = node.number}, capability,
                     capability ? std::string(name_of(*capability)) : "control node"));
  }

  const request::Request& request_;
  const Driver& driver_;
  ContainerPath libraries_;
  ContainerPath libraries32_;
  ContainerPath programs_;
  std::set<Place> taken_;
  Draft draft_;
};

}  // namespace

Result<Draft> draft(const request::Request& request, const Driver& driver,
                    const container::Image& image, Layout layout, bool read_only) {
  if (image.loader && image.loader->machine != elf::native().machine &&
      !(image.loader->machine == elf::Machine::I386 &&
        elf::native().machine == elf::Machine::X86_64))
    return failure(ErrorId::DstArch, "the image is for " + elf::name_of(image.loader->machine) +
                                         ", this host's driver for " +
                                         elf::name_of(elf::native().machine) +
                                         ": use an image for this host's processor");
  auto chosen = choose_gpus(request, driver);
  if (!chosen) return std::unexpected(std::move(chosen).error());
  auto open = check_demands(request, driver, chosen->gpus);
  if (!open) return std::unexpected(std::move(open).error());
  std::optional<Place> tree;
  if (read_only || layout == Layout::Tree) {
    const auto& [directory, name] = read_only ? kTreeOfReadOnlyRoot : kTree;
    tree = Place{{directory}, name};
  }
  auto draft = Drafter(request, driver, image, std::move(tree)).draft(std::move(chosen->gpus));
  draft.warnings = std::move(*open);
  std::ranges::move(chosen->warnings, std::back_inserter(draft.warnings));
  if (auto done = draft_devices(request, driver, draft); !done)
    return std::unexpected(std::move(done).error());
  draft_files(request, driver, image, draft);
  return draft;
}

bool is_dispensable(Kind kind) {
  switch (kind) {
    case Kind::Library:
    case Kind::Library32:
    case Kind::Binary:
    case Kind::Device:
      return false;
    case Kind::Directory:
    case Kind::Socket:
    case Kind::Firmware:
    case Kind::Config:
    case Kind::Procfs:
      return true;
  }
  std::abort();  // every enumerator is handled above
}

std::vector<Place> places_of(const Draft& draft) {
  std::vector<Place> places;
  places.reserve(draft.mounts.size() + draft.links.size() + 1);
  if (draft.tree) places.push_back(*draft.tree);
  for (const auto& mount : draft.mounts)
    if (!is_dispensable(mount.kind) && !is_in_tree(draft, mount.place))
      places.push_back(mount.place);
  for (const auto& link : draft.links)
    if (!is_dispensable(link.kind) && !is_in_tree(draft, link.place)) places.push_back(link.place);
  return places;
}

std::vector<Place> dispensable_places_of(const Draft& draft) {
  std::vector<Place> places;
  for (const auto& mount : draft.mounts)
    if (is_dispensable(mount.kind)) places.push_back(mount.place);
  for (const auto& link : draft.links)
    if (is_dispensable(link.kind)) places.push_back(link.place);
  for (const auto& file : draft.files) places.push_back(file.place);
  return places;
}

bool is_in_tree(const Draft& draft, const Place& place) {
  return draft.tree &&
         place.directory.value.starts_with((draft.tree->directory / draft.tree->name).value + "/");
}

std::optional<Place> loader_file_of(const container::Image& image) {
  switch (image.libc) {
    case container::Libc::None:
      return std::nullopt;
    case container::Libc::Glibc:
      return Place{{"/etc"}, "ld.so.cache"};
    case container::Libc::Musl:
      return Place{{"/etc"}, kMuslPathFile};
  }
  std::abort();  // every enumerator is handled above
}

Place loader_directory_file() { return {{"/etc/ld.so.conf.d"}, "00-nvhook.conf"}; }

}  // namespace nvhook::plan
