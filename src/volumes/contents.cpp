// SPDX-License-Identifier: Apache-2.0
#include "nvhook/volumes/contents.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <utility>

namespace nvhook::volumes {
namespace {

// What the original has not: daemons of the host's, which have no use in a volume.
constexpr std::array<std::string_view, 3> kOfTheHost = {"nv-fabricmanager", "nvidia-imex",
                                                        "nvidia-imex-ctl"};

// What the original leaves out of the libraries that a container is given: it is the X server's.
constexpr std::string_view kLeftOut = "libnvidia-cfg.so.";

// The names that lead to a library besides its file's.
std::vector<std::string> links_of(const driver::Library& library) {
  constexpr std::string_view kVendor = "GLX_nvidia";
  auto links = library.links;
  const auto sonames = links.empty() ? std::vector{std::string(library.path.name())} : links;
  for (const auto& soname : sonames) {
    // Programs open it by its plain name.
    if (soname.starts_with("libcuda.so.")) links.emplace_back("libcuda.so");
    // For indirect rendering GLVND asks for a vendor of that name.
    if (soname.starts_with("libGLX_nvidia.so."))
      links.push_back(
          std::string(soname).replace(soname.find(kVendor), kVendor.size(), "GLX_indirect"));
  }
  return links;
}

class Sorter {
 public:
  explicit Sorter(const driver::Driver& driver) {
    contents_.version = driver.version;
    contents_.omitted = driver.omitted;
    contents_.warnings = driver.warnings;
    for (const auto& program : driver.programs)
      if (std::ranges::find(kOfTheHost, program.path.name()) == kOfTheHost.end())
        add({.source = program.path, .folder = Folder::Bin, .name = {}, .links = {}});
    for (const auto abi : {driver::Abi::Compat32, driver::Abi::Native})
      for (const auto& library : driver.libraries)
        if (library.abi == abi) add(library);
  }

  // Links last: none takes a file's name.
  Contents finish() && {
    for (auto& file : contents_.files)
      std::erase_if(file.links, [&](const std::string& link) { return !take(file.folder, link); });
    return std::move(contents_);
  }

 private:
  bool take(Folder folder, const std::string& name) { return taken_.insert({folder, name}).second; }

  void add(const driver::Library& library) {
    if (library.path.name().starts_with(kLeftOut)) {
      contents_.omitted.push_back({library.path, "of use to an X server only"});
      return;
    }
    add({.source = library.path,
         .folder = library.abi == driver::Abi::Native ? Folder::Lib64 : Folder::Lib,
         .name = {},
         .links = links_of(library)});
  }

  void add(File file) {
    file.name = file.source.name();
    // The host's folders (vdpau/, tls/) are flattened, so two files may want one name.
    if (!take(file.folder, file.name))
      contents_.omitted.push_back({file.source, "another file of that name is there already"});
    else
      contents_.files.push_back(std::move(file));
  }

  Contents contents_;
  std::set<std::pair<Folder, std::string>> taken_;
};

}  // namespace

std::string_view name_of(Folder folder) {
  switch (folder) {
    case Folder::Bin:
      return "bin";
    case Folder::Lib:
      return "lib";
    case Folder::Lib64:
      return "lib64";
  }
  std::abort();  // every enumerator is handled above
}

Contents contents_of(const driver::Driver& driver) { return Sorter(driver).finish(); }

Result<Contents> look(const driver::Where& where) {
  driver::Wanted wanted(Capabilities::all());
  wanted.purpose = driver::Purpose::Volume;
  const auto driver = driver::discover_files(where, wanted);
  if (!driver) return std::unexpected(driver.error());
  return contents_of(*driver);
}

}  // namespace nvhook::volumes
