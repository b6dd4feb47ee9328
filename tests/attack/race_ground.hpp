// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "attack/racer.hpp"
#include "support/fake_root.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {

// The races of docs/threat-model.md, by what the racer does.
enum class Race {
  DirectoryAndAbsoluteLink,
  DirectoryAndRelativeLink,
  FileAndLink,
  DirectoryUnderDotDot,
  MountPoint,
  DirectoryAndAnother,       // what a mount is in leaves the root, the path stays
  TwoMountPoints,            // each gets what was meant for the other
  LinkDirectory,             // while links are made with the container's ids
  TemporaryName,
  CacheDirectory,            // where the loader's cache is
  CacheFile,                 // and a link
  CacheAndDirectory,
  CacheTemporaryName,
  CacheContent,
  RenameStorm,
};

// What is to be put into the container, and races that only some of it can lose.
struct Wanted {
  std::vector<std::string> files;  // mounts, below kRacedDirectory
  bool link = false;               // kRacedLink, in the place of a stale one
  bool cache = false;              // of the loader, at kRacedCache
};

inline constexpr auto kRacedDirectory = "/usr/lib/x86_64-linux-gnu";
inline constexpr auto kRacedFile = "libcuda.so.550.54.14";
inline constexpr auto kRacedLink = "libcuda.so.1";
inline constexpr auto kRacedLinkText = kRacedFile;
inline constexpr auto kRacedHidden = ".libcuda.so.1.nvhook-";  // while links are exchanged
inline constexpr auto kRacedStaleText = "libcuda.so.535.104.05";
inline constexpr auto kRacedCacheDirectory = "/etc";
inline constexpr auto kRacedCache = "ld.so.cache";
inline constexpr auto kRacedHiddenCache = ".ld.so.cache.nvhook-";
inline constexpr auto kKeptFile = "passwd";  // beside the cache: the image's, which nobody touches

// The host's side of a race: a container's root, directories of the host that must not be touched,
// and one that the racer may use, on one file system.
class RaceGround {
 public:
  RaceGround();

  [[nodiscard]] std::filesystem::path top() const { return top_.on_disk(); }
  [[nodiscard]] std::filesystem::path root() const { return top() / "root"; }
  // The host's own: names in these must never change. `top` is one of them, for the "../.." of some
  // links end there.
  [[nodiscard]] std::vector<std::filesystem::path> victims() const;
  // The file of that name in each of them.
  static constexpr auto kCanary = "canary";
  // A host file to be mounted.
  [[nodiscard]] std::filesystem::path source() const { return top() / "driver/library"; }

  // Makes the image what the race needs, in `root`, and says what the racer does to it. `root` must
  // be a directory of top() and have an empty kRacedDirectory.
  [[nodiscard]] RacerJob lay_out(Race race, const std::filesystem::path& root) const;
  [[nodiscard]] static Wanted wanted(Race race);
  [[nodiscard]] static TestContainer::Options container(Race race);
  // Whether the race is about the loader's cache.
  [[nodiscard]] static bool is_about_cache(Race race);
  // Makes again what goes when the cache that is raced with a link is replaced: the link.
  void make_decoy_again(const std::filesystem::path& root) const;
  // Makes the image's cache of `root` the honest one again, whatever it is now.
  static void make_cache_honest(const std::filesystem::path& root);
  // Makes the link of `root` the stale one again, whatever it is now.
  static void make_link_stale(const std::filesystem::path& root);

 private:
  [[nodiscard]] RacerJob lay_out_cache(Race race, const std::filesystem::path& root) const;

  FakeRoot top_;
};

}  // namespace nvhook::test
