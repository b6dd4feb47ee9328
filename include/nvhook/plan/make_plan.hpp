// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/layout.hpp"
#include "nvhook/base/procfs_view.hpp"
#include "nvhook/container/facts.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/oci/config.hpp"
#include "nvhook/plan/plan.hpp"
#include "nvhook/request/request.hpp"

// All decisions are made here, in two pure steps with one look at the container between them:
// draft() says what should go where, a survey tells what stands there, make_plan() settles it.
namespace nvhook::plan {

struct DraftMount {
  Kind kind = Kind::Library;
  std::optional<Capability> capability;
  std::string reason;
  HostPath source;
  container::Place place;
  DeviceNumber number;     // of a Kind::Device
  bool read_only = false;  // of a Kind::Directory, which is there to be written otherwise
  bool findable = false;   // the loader is to find it by its file's name
  bool in_present_directory = false;  // only where the image has the directory
  bool holds_nodes = false;           // a Kind::Directory of device nodes
};

// A device that the container may open, should it have a node of it one day.
struct DraftGrant {
  container::Place place;
  DeviceNumber number;
};

struct DraftLink {
  container::Place place;
  std::string target;
  HostPath library;  // what the link leads to: bound over a plain file in the link's place
  Kind kind = Kind::Library;
  std::optional<Capability> capability;
};

struct DraftFile {
  container::Place place;
  std::string content;
};

struct Draft {
  std::vector<driver::Gpu> gpus;
  std::optional<container::Place> tree;  // of Layout::Tree: what lies below is not looked at
  std::vector<DraftMount> mounts;
  std::vector<DraftLink> links;
  std::vector<DraftFile> files;
  std::vector<DraftGrant> grants;
  std::vector<driver::Omitted> omitted;
  std::vector<Warning> warnings;
};

// What the request brings of this driver, and where it belongs in such an image. A root that is
// `read_only`, now or as soon as the container starts, gets a tree at /dev whatever the layout.
// Fails with E_REQ_DEVICE (no such GPU, MIG device or IMEX channel), E_NODE_MISSING (the node of a
// MIG device, or what partitions or monitors GPUs), E_REQ_REQUIREMENT, E_REQ_UNMET, E_DST_ARCH (the
// image's loader is for another machine).
[[nodiscard]] Result<Draft> draft(const request::Request& request, const driver::Driver& driver,
                                  const container::Image& image, Layout layout = Layout::System,
                                  bool read_only = false);

// Every place of the draft without which no container starts, for the survey.
[[nodiscard]] std::vector<container::Place> places_of(const Draft& draft);

// Every other place of it: what cannot be put there is left out.
[[nodiscard]] std::vector<container::Place> dispensable_places_of(const Draft& draft);

// Whether a container starts without things of the kind, should the image have no room for them.
[[nodiscard]] bool is_dispensable(Kind kind);

// Whether the place is inside of the draft's tree.
[[nodiscard]] bool is_in_tree(const Draft& draft, const container::Place& place);

// The file by which the loader of such an image finds libraries: the cache of glibc's, the list of
// directories of musl's. None where there is no loader.
[[nodiscard]] std::optional<container::Place> loader_file_of(const container::Image& image);

// A directory of glibc images where each file names directories for ldconfig(8).
[[nodiscard]] container::Place loader_directory_file();

// Largest loader file that is exchanged. That of a full desktop has 200 KiB.
inline constexpr std::size_t kMaxLoaderFile = std::size_t{4} << 20U;

// Libraries of the image's own that its programs are to find before the driver's of the same names:
// CUDA's forward compatibility.
struct Preferred {
  ContainerPath directory;         // without links; empty: there are none
  std::vector<std::string> names;  // of files in it
  std::string reason;              // why so, for people; empty: the image has nothing of the kind
  std::vector<Warning> warnings;
};

// What is to be done to container::kDriverDirectory, and what was found there.
struct ProcfsFacts {
  ProcfsView wanted = ProcfsView::View;
  std::string trouble{};  // container::trouble_with_driver_directory()
  // This kernel has nothing of the driver in any procfs: its facts are from a root elsewhere.
  bool kernel_shows_nothing = false;
};

struct Inputs {
  Container container;
  const oci::Config& config;
  const request::Request& request;
  const driver::Driver& driver;
  const container::Image& image;
  const container::Survey& survey;
  // Of loader_file_of(), and of loader_directory_file() in Layout::Tree.
  const container::FileFacts* loader_file = nullptr;
  const container::FileFacts* loader_directory = nullptr;
  const Preferred* preferred = nullptr;
  // Whether the container's process is in a user namespace of its own; without a process nobody
  // knows, and config.json says what is meant.
  std::optional<bool> own_user_namespace = {};
  ProcfsFacts procfs{};
};

// Settles the draft on what the survey found. Same inputs, same plan.
// Fails with E_DST_TYPE, E_DST_FOREIGN_MOUNT, E_DST_RO, E_PROPAGATION.
[[nodiscard]] Result<Plan> make_plan(Draft draft, const Inputs& inputs);

}  // namespace nvhook::plan
