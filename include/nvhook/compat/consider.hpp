// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"
#include "nvhook/base/path.hpp"
#include "nvhook/compat/examine.hpp"
#include "nvhook/config/settings.hpp"

namespace nvhook::compat {

// Asks the parser child: what answer() of exchange.hpp gives for the question there.
using Ask = std::function<Result<std::string>(std::string_view question)>;

// Has the file behind `fd` examined by the one who is asked, and reads what he wants of it:
// kMaxPieces pieces of kMaxPiece bytes, kMaxExcerpt in all. A file that needs more, or that ends
// while it is read, is Damaged. Never a Need. Fails with E_KERNEL, E_BUG, and with what `ask` fails
// with.
[[nodiscard]] Result<Finding> examine_file(int fd, const Ask& ask);

// What the loader of a container is to search first.
struct First {
  ContainerPath directory;         // without any symbolic link, in the container
  std::vector<std::string> names;  // of libraries in it: "libcuda.so.1", sorted
  bool operator==(const First&) const = default;
};

struct Outcome {
  std::optional<First> first;
  std::optional<Support>
      support;         // what the image's libcuda says; none: it was not asked, or is mute
  std::string reason;  // for people, in one sentence; empty: the image brings nothing
  std::vector<Warning> warnings;  // W_CUDA_COMPAT
  bool operator==(const Outcome&) const = default;
};

// Finds the image's newer driver libraries, has them examined where they are newer than the host's,
// and decides; find.hpp and decide.hpp have the rules. For containers with the capability compute
// only. Fails as find() and examine_file() do.
[[nodiscard]] Result<Outcome> consider(config::CudaCompat mode, ContainerRoot root,
                                       std::string_view host_version, const Ask& ask);

}  // namespace nvhook::compat
