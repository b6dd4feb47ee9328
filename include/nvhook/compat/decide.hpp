// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/compat/examine.hpp"

namespace nvhook::compat {

enum class Choice : std::uint8_t { Image, Host };

// Whose driver libraries a container's programs find first, and why.
struct Decision {
  Choice choice = Choice::Host;
  std::string reason;              // for people, in one sentence
  std::optional<Warning> warning;  // W_CUDA_COMPAT
  bool operator==(const Decision&) const = default;
};

// Whether the image's version ("575.57.08") is greater than the host's ("550.54.14"), number by
// number: 99 is less than 100. Without it there is no need to examine the image's file.
[[nodiscard]] bool is_newer(std::string_view image_version, std::string_view host_version);

// The image's libraries are used where they are newer than the host's and work on its driver: by
// the note, if it names the first number of the host's version; without a note, if that number is
// less than theirs (within one branch the host's are as good, and made for it). A note that cannot
// be read is as good as none that permits it, with a warning. A Need that nobody could fill is such
// a one. Source: NVIDIA Container Toolkit 1.20, cmd/nvidia-cdi-hook/cudacompat.
[[nodiscard]] Decision decide(std::string_view image_version, std::string_view host_version,
                              const Finding& finding);

}  // namespace nvhook::compat
