// SPDX-License-Identifier: Apache-2.0
#include "attack/race_ground.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "support/hostile_caches.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

constexpr auto kSecondFile = "libnvidia-ml.so.550.54.14";
constexpr uid_t kMappedRoot = 100'000;
constexpr unsigned kMappedIds = 65'536;

void write(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
  fs::permissions(path, fs::perms{0644});
}

fs::path inside(const fs::path& root, const fs::path& path) { return root / path.relative_path(); }

}  // namespace

RaceGround::RaceGround() {
  top_.directory("/root/proc").directory("/root/dev").directory("/outside/directory");
  top_.directory(std::string("/root") + kRacedDirectory);
  top_.file("/driver/library", "the driver's");
  for (const auto& victim : victims()) {
    fs::create_directories(victim);
    write(victim / kCanary, "the host's");
  }
}

std::vector<fs::path> RaceGround::victims() const {
  return {top(), top() / "victim", top() / "real"};
}

RacerJob RaceGround::lay_out(Race race, const fs::path& root) const {
  const auto directory = inside(root, kRacedDirectory);
  const auto library_directory = directory.parent_path();
  const auto decoy = library_directory / ".decoy";
  const auto file = directory / kRacedFile;
  const auto victim = top() / "victim";
  const auto outside = top() / "outside";
  switch (race) {
    case Race::LinkDirectory:
      // The ids of the container's root own what its links are made in, the victim included: that
      // nothing is made there is not for want of rights.
      for (const auto& owned : {directory, victim})
        if (::chown(owned.c_str(), kMappedRoot, kMappedRoot) != 0) std::abort();
      make_link_stale(root);
      [[fallthrough]];
    case Race::DirectoryAndAbsoluteLink:
      fs::create_symlink(victim, decoy);
      // In the root the link leads to this one: a lookup that stays inside finds its directory.
      fs::create_directories(inside(root, victim));
      return {Swap::Exchange, directory, decoy};
    case Race::DirectoryAndRelativeLink:
      // From usr/lib to the root and one further.
      fs::create_symlink("../../../victim", decoy);
      fs::create_directories(root / "victim");
      return {Swap::Exchange, directory, decoy};
    case Race::FileAndLink:
      write(file, "the image's");
      fs::create_symlink(victim / kCanary, directory / ".decoy");
      return {Swap::Exchange, file, directory / ".decoy"};
    case Race::DirectoryUnderDotDot:
    case Race::RenameStorm:
      // Seen from outside/b, the directory "../../real" is a victim.
      fs::create_directories(library_directory / "a/b");
      fs::rename(directory, library_directory / "real");
      fs::create_symlink("a/b/../../real", directory);
      if (race == Race::DirectoryUnderDotDot)
        return {Swap::MoveAway, library_directory / "a/b", outside / "b"};
      fs::create_directory(outside / "another");
      return {Swap::Exchange, outside / "directory", outside / "another"};
    case Race::MountPoint:
      return {Swap::Remake, file, {}};
    case Race::DirectoryAndAnother:
      return {Swap::Exchange, directory, outside / "directory"};
    case Race::TwoMountPoints:
      for (const auto* name : {kRacedFile, kSecondFile}) write(directory / name, "the image's");
      return {Swap::Exchange, file, directory / kSecondFile};
    case Race::TemporaryName:
      make_link_stale(root);
      fs::create_symlink(victim / "made", outside / "decoy");
      return {Swap::TakeTemporary, directory / kRacedHidden, outside / "decoy"};
    case Race::CacheDirectory:
    case Race::CacheFile:
    case Race::CacheAndDirectory:
    case Race::CacheTemporaryName:
    case Race::CacheContent:
      return lay_out_cache(race, root);
  }
  std::abort();  // every enumerator is handled above
}

RacerJob RaceGround::lay_out_cache(Race race, const fs::path& root) const {
  const auto directory = inside(root, kRacedCacheDirectory);
  const auto victim = top() / "victim";
  const auto outside = top() / "outside";
  fs::create_directories(directory);
  write(directory / kKeptFile, "the image's");
  make_cache_honest(root);
  if (race == Race::CacheContent) return {Swap::Resize, directory / kRacedCache, {}};
  if (race == Race::CacheTemporaryName) {
    fs::create_symlink(victim / "made", outside / "decoy");
    return {Swap::TakeTemporary, directory / kRacedHiddenCache, outside / "decoy"};
  }
  if (race == Race::CacheDirectory) {
    fs::create_symlink(victim, root / ".decoy");
    // In the root the link leads to this one.
    fs::create_directories(inside(root, victim));
    return {Swap::Exchange, directory, root / ".decoy"};
  }
  if (race == Race::CacheAndDirectory)
    fs::create_directory(directory / ".decoy");
  else
    fs::create_symlink(victim / kCanary, directory / ".decoy");
  return {Swap::Exchange, directory / kRacedCache, directory / ".decoy"};
}

bool RaceGround::is_about_cache(Race race) { return wanted(race).cache; }

Wanted RaceGround::wanted(Race race) {
  switch (race) {
    case Race::DirectoryAndAbsoluteLink:
    case Race::DirectoryAndRelativeLink:
      return {.files = {kRacedFile, "vdpau/libvdpau_nvidia.so.550.54.14"}};
    case Race::FileAndLink:
    case Race::DirectoryUnderDotDot:
    case Race::RenameStorm:
      return {.files = {kRacedFile}};
    case Race::MountPoint:
    case Race::DirectoryAndAnother:
    case Race::TwoMountPoints:
      return {.files = {kRacedFile, kSecondFile}};
    case Race::LinkDirectory:
    case Race::TemporaryName:
      return {.files = {}, .link = true};
    case Race::CacheDirectory:
    case Race::CacheFile:
    case Race::CacheAndDirectory:
    case Race::CacheTemporaryName:
    case Race::CacheContent:
      return {.files = {}, .cache = true};
  }
  std::abort();  // every enumerator is handled above
}

TestContainer::Options RaceGround::container(Race race) {
  TestContainer::Options options;
  options.dev = TestContainer::Dev::Image;
  if (race == Race::LinkDirectory)
    options.user_namespace = TestContainer::UserNamespace::from(kMappedRoot, kMappedIds);
  return options;
}

void RaceGround::make_decoy_again(const fs::path& root) const {
  const auto decoy = inside(root, kRacedCacheDirectory) / ".decoy";
  const auto fresh = decoy.string() + "-fresh";
  const auto target = top() / "victim" / kCanary;
  if (::symlink(target.c_str(), fresh.c_str()) != 0 || ::rename(fresh.c_str(), decoy.c_str()) != 0)
    std::perror(decoy.c_str());
}

void RaceGround::make_cache_honest(const fs::path& root) {
  const auto cache = inside(root, kRacedCacheDirectory) / kRacedCache;
  const auto fresh = cache.string() + "-fresh";
  write(fresh, honest_cache());
  if (::rename(fresh.c_str(), cache.c_str()) != 0) std::perror(cache.c_str());
}

void RaceGround::make_link_stale(const fs::path& root) {
  const auto link = inside(root, kRacedDirectory) / kRacedLink;
  const auto fresh = link.string() + "-fresh";
  ::unlink(fresh.c_str());
  if (::symlink(kRacedStaleText, fresh.c_str()) != 0 || ::rename(fresh.c_str(), link.c_str()) != 0)
    std::perror(link.c_str());  // the racer has the directory just now
}

}  // namespace nvhook::test
