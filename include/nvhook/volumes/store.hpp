// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/volumes/contents.hpp"
#include "nvhook/volumes/name.hpp"

namespace nvhook::volumes {

struct StoreOptions {
  std::string path = "/var/lib/nvidia-docker/volumes";  // absolute; made when it is first needed
  // Hard links where they can be made. Otherwise copies, which have an SELinux label of their own.
  bool links = true;
  std::chrono::milliseconds patience{30'000};  // for another process that works on the store
};

enum class Outcome : std::uint8_t {
  Kept,     // it was there, as the driver is now
  Made,     // there was none
  Renewed,  // there was one that differs from the driver
};

struct Created {
  Outcome outcome = Outcome::Kept;
  // How many files came in which way, unless it was kept.
  unsigned linked = 0;
  unsigned cloned = 0;  // shares the blocks of the driver's file
  unsigned copied = 0;
};

// What prune() has done with the volumes that are not of the current driver.
struct Pruned {
  struct Left {
    std::string version;
    std::string reason;
  };
  std::vector<std::string> removed;  // versions
  std::vector<Left> left;
};

// The volumes on disk:
//   <path>/nvidia_driver/<version>/{bin,lib,lib64}   the volumes
//   <path>/.nvhook/                                  what else is needed for them, for us alone
// There is no other state: two processes may work on one store, and any may be killed, or lose its
// machine, at any moment. A volume is there whole or not at all: it is built in .nvhook, on disk
// with all that belongs to it before it gets its name, and loses its name before it is taken apart.
//
// Each call opens the store anew by its path, whose every directory must be safe: nobody but root
// and the owner of this process may change or exchange it, and it is no link. From there on
// everything is done by descriptors. Calls that change something wait for each other.
//
// All fail with E_STORE (the store is not safe, does not let itself be written, is at work too
// long), E_NOSPC (disk or quota full), E_KERNEL, E_RACE. What says that there is no such volume has
// the code ENOENT.
class Store {
 public:
  // Looks whether the store is safe if it is there; it may be made or mended later. Then takes away
  // what processes that were killed have left. An unsafe one, and a path that is not absolute, fail
  // with E_STORE; a store that cannot be written does not fail here.
  [[nodiscard]] static Result<Store> open(StoreOptions options);

  // The volume's folder, whether it is there or not: "<path>/nvidia_driver/361.48", with a path
  // without "//", "." and "..".
  [[nodiscard]] std::string mountpoint_of(const Version& version) const;

  // Makes the volume of this driver, if it is not there or its files are not the driver's of now.
  // The old one of a renewed volume is taken apart once no mount of it is known any more. Besides
  // fails with E_SRC_CHANGED (a file of the driver's went away or changed meanwhile) and
  // E_SRC_TRUST (others than root can change one), and with E_STORE if a name in `contents` is not
  // of one component; the store is then as before.
  [[nodiscard]] Result<Created> create(const Contents& contents) const;

  // Whether the volume is there.
  [[nodiscard]] Result<bool> has(const Version& version) const;
  // Every volume that is there, by the bytes of their versions.
  [[nodiscard]] Result<std::vector<Version>> versions() const;

  // Notes that a container uses the volume, and that it no longer does. `id` is Docker's name for
  // that mount: the same twice counts once. Notes are of this boot: older ones mean nothing.
  [[nodiscard]] Result<void> mount(const Version& version, std::string_view id) const;
  [[nodiscard]] Result<void> unmount(const Version& version, std::string_view id) const;
  // How many uses are noted.
  [[nodiscard]] Result<std::size_t> mounts_of(const Version& version) const;

  // Takes a volume away, of which only what create() has put there is unlinked: anything else stays
  // in .nvhook/left-*, which nobody lists, and what cannot be unlinked yet in .nvhook/old-*; the
  // result says where, and is empty if nothing is left. None is fine. Refuses with E_STORE and the
  // code EBUSY one that is in use, with EPERM one that create() has not made.
  [[nodiscard]] Result<std::string> remove(const Version& version) const;

  // Removes all volumes but those of `current`, of what is in use, and of what create() has not
  // made. A container that is stopped uses nothing: for it, see docs/companion/volumes.md.
  [[nodiscard]] Result<Pruned> prune(const Version& current) const;

 private:
  explicit Store(StoreOptions options) : options_(std::move(options)) {}

  StoreOptions options_;
};

}  // namespace nvhook::volumes
