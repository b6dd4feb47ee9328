// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/driver/discover.hpp"
#include "nvhook/driver/driver.hpp"

// Which files of the driver go into a volume, and by which names: plain data, and how it is
// decided. Source of layout and names: nvidia-docker-plugin 1.0.1.
namespace nvhook::volumes {

enum class Folder : std::uint8_t {
  Bin,    // programs
  Lib,    // libraries of 32 bits
  Lib64,  // libraries of this machine
};

[[nodiscard]] std::string_view name_of(Folder folder);  // "lib64"

struct File {
  HostPath source;  // without any symbolic link
  Folder folder = Folder::Bin;
  std::string name;                // in the folder
  std::vector<std::string> links;  // names beside it that are links to it
  bool operator==(const File&) const = default;
};

struct Contents {
  std::string version;  // of the driver
  // By folder, then in the order of the driver's. In a folder no name occurs twice.
  std::vector<File> files;
  std::vector<driver::Omitted> omitted;  // with discovery's
  std::vector<Warning> warnings;         // of discovery
};

// The decision; it touches nothing. Of two files of one name the first is taken.
[[nodiscard]] Contents contents_of(const driver::Driver& driver);

// What there is on this host now: discovery of libraries and programs, and the decision. No device
// is looked at. Fails as driver::discover_files().
[[nodiscard]] Result<Contents> look(const driver::Where& where);

}  // namespace nvhook::volumes
