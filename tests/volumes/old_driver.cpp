// SPDX-License-Identifier: Apache-2.0
#include "volumes/old_driver.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "support/command.hpp"
#include "support/elf_image.hpp"

namespace nvhook::test {
namespace {

constexpr auto kLines = "%M %n %y %p -> %l\n";

// What the tree says of one file: where it is, and which links lead to it.
struct GoldenFile {
  std::string folder;
  std::string name;
  std::set<std::string> links;
};

std::vector<GoldenFile> golden_files() {
  const std::regex entry(R"(\S+ \S+ ([fl]) \./nvidia_driver/361\.48/(\w+)/(\S+)( -> (\S+))?)");
  std::map<std::pair<std::string, std::string>, GoldenFile> files;
  std::smatch found;
  for (const auto& line : golden_tree()) {
    if (!std::regex_match(line, found, entry)) continue;
    const bool link = found[1] == "l";
    const std::string name = link ? found[5] : found[3];
    auto& file = files[{found[2], name}];
    file.folder = found[2];
    file.name = name;
    if (link) file.links.insert(found[3]);
  }
  std::vector<GoldenFile> all;
  for (auto& [key, file] : files) all.push_back(file);
  return all;
}

// The lines in one form for both.
std::vector<std::string> normal(std::istream& in) {
  const std::regex fields(R"((\S+) (\d+) (?:\S+:\S+ )?([dfl]) (\S+)(?: -> (\S*))?\s*)");
  std::vector<std::string> lines;
  std::smatch found;
  for (std::string line; std::getline(in, line);) {
    if (!std::regex_match(line, found, fields)) continue;
    if (found[4].str().starts_with("./.nvhook")) continue;
    const std::string links = found[3] == "f" ? found[2].str() : "-";
    const std::string target = found[5].length() == 0 ? "" : " -> " + found[5].str();
    lines.push_back(found[1].str() + " " + links + " " + found[3].str() + " " + found[4].str() +
                    target);
  }
  std::ranges::sort(lines);
  return lines;
}

std::string library(const GoldenFile& file, const std::string& soname) {
  ElfImage image{.bits = file.folder == "lib" ? 32 : 64,
                 .machine = static_cast<std::uint16_t>(file.folder == "lib" ? 3 : 62),
                 .soname = soname,
                 .needed = {},
                 .notes = {}};
  if (file.name.starts_with("libGL.so")) image.needed = {"libnvidia-glcore.so.361.48"};
  if (file.name.starts_with("libEGL.so") || file.name.starts_with("libGLES"))
    image.needed = {"libGLdispatch.so.0"};
  if (file.name.starts_with("libnvidia-tls")) image.notes = {abi_note(2, 3, 99)};
  return image.bytes();
}

// The directories that a volume has not got.
std::string place_of(const GoldenFile& file) {
  const std::string top = file.folder == "lib" ? "/usr/lib32/nvidia-361" : "/usr/lib/nvidia-361";
  if (file.name.starts_with("libvdpau")) return top + "/vdpau/" + file.name;
  if (file.name.starts_with("libnvidia-tls")) return top + "/tls/" + file.name;
  return top + "/" + file.name;
}

void put_executable(FakeHost& host, const std::string& path, const std::string& content) {
  host.tree().file(path, content);
  std::filesystem::permissions(host.tree().on_disk(path), std::filesystem::perms{0755});
}

void put_what_is_left_out(FakeHost& host) {
  const auto elf = [](const std::string& soname, std::vector<std::string> needed) {
    return ElfImage{.soname = soname, .needed = std::move(needed), .notes = {}}.bytes();
  };
  const std::string tls = "libnvidia-tls.so.361.48";
  host.library("/usr/lib/mesa/libGL.so.1.2.0", "libGL.so.1", elf("libGL.so.1", {"libglapi.so.0"}))
      .library("/usr/lib/mesa/libEGL.so.1.0.0", "libEGL.so.1", elf("libEGL.so.1", {"libgbm.so.1"}))
      .library("/usr/lib/nvidia-361/" + tls, "",
               ElfImage{.soname = tls, .needed = {}, .notes = {abi_note(2, 2, 5)}}.bytes())
      .library("/usr/lib/old/libcuda.so.352.39", "libcuda.so.1")
      .library("/usr/local/cuda/stubs/libcuda.so", "")
      .library("/usr/lib/nvidia-361/libnvidia-cfg.so.361.48", "libnvidia-cfg.so.1")
      .library("/usr/lib/nvidia-361/libOpenCL.so.1.0.0", "libOpenCL.so.1")
      .cache_entry({"libnvidia-ml.so.1", "/usr/lib/gone/libnvidia-ml.so.1"});
  host.tree().file("/usr/lib/glibc-hwcaps/x86-64-v3/libcuda.so.361.48", "faster");
  host.cache_entry({"libcuda.so.1", "/usr/lib/glibc-hwcaps/x86-64-v3/libcuda.so.361.48", 0x0303,
                    std::uint64_t{1} << 62U});
  put_executable(host, "/usr/bin/nvidia-settings", "x");
}

}  // namespace

std::vector<std::string> golden_tree() {
  std::ifstream in(NVHOOK_GOLDEN "/volume-tree.txt");
  return normal(in);
}

std::vector<std::string> tree_of(const std::string& store) {
  const auto listed =
      run({"sh", "-c", "cd \"$0\" && find . -printf '" + std::string(kLines) + "'", store});
  std::istringstream in(listed.out);
  return normal(in);
}

void put_old_driver(FakeHost& host) {
  host.tree().file("/sys/module/nvidia/version", "361.48\n");
  put_what_is_left_out(host);  // in front: the loader's order alone must not decide
  for (const auto& file : golden_files()) {
    if (file.folder == "bin") {
      // One of them is no ELF file, as some distributions have it.
      put_executable(host, "/usr/bin/" + file.name, "#!/bin/sh\n");
      continue;
    }
    std::string soname;
    for (const auto& link : file.links)
      if (link != "libcuda.so" && !link.starts_with("libGLX_indirect")) soname = link;
    const auto path = place_of(file);
    host.library(path, soname, library(file, soname.empty() ? file.name : soname),
                 file.folder == "lib" ? 0x0003 : 0x0303);
    std::filesystem::permissions(host.tree().on_disk(path), std::filesystem::perms{0755});
  }
}

}  // namespace nvhook::test
