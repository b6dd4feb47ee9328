// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nvhook/base/error.hpp"

// What an image demands of driver and GPU before it may run: the values of its variables
// NVIDIA_REQUIRE_*, such as "cuda>=12.4 brand=tesla,driver>=535,driver<536".
//
//   requirement = alternative { blank alternative }     one that holds is enough
//   alternative = term { "," term }                     all must hold
//   term        = property operator value               nothing between them
//   property    = cuda | driver | arch | brand          in any case
//   operator    = "=" | "!=" | "<" | "<=" | ">" | ">="
//
// Empty alternatives and terms do not count; an empty requirement holds.
// Source: libnvidia-container, src/cli/dsl.c and src/cli/dsl_evaluate.c.
namespace nvhook::request {

inline constexpr std::size_t kMaxRequirement = std::size_t{64} << 10U;  // bytes; usual are 1000

// What is known of this host and of one GPU, as far as it is known.
struct Facts {
  std::optional<std::string> cuda;    // the newest version that the driver has: "12.4"
  std::optional<std::string> driver;  // its version: "550.54.14"
  std::optional<std::string> arch;    // the GPU's compute capability: "8.0"
  std::optional<std::string> brand;   // as NVML calls it: "Tesla"
  bool gpu = true;  // false: no GPU is asked for; then what is demanded of one holds
};

enum class Verdict : std::uint8_t { Holds, Fails, Unknown };

// An alternative that does not hold, and by which of its terms.
struct Obstacle {
  std::string alternative;
  std::string term;
  std::string fact;  // what was compared: "cuda is 12.2"; of an unknown one, "arch is not known"
};

struct Judgement {
  Verdict verdict = Verdict::Holds;
  std::vector<Obstacle> obstacles;  // unless it holds: one for each alternative, in their order
};

// Goes from left to right, and in an alternative no further than to the first term that fails; once
// an alternative holds, no further at all: what stands behind it may be anything. A fact that is
// not known leaves it open unless another alternative holds. Versions are compared as numbers
// between dots; behind the shorter one nothing but zeros makes them equal, and anything else the
// longer one greater. Brands are compared in any case, for equality only. Fails with
// E_REQ_REQUIREMENT: an expression of another form, a version with anything but digits and dots,
// more than kMaxRequirement bytes.
[[nodiscard]] Result<Judgement> judge(std::string_view requirement, const Facts& facts);

// How the versions compare: less than, equal to or greater than 0.
// REQUIRES: digits and dots only.
[[nodiscard]] int compare_versions(std::string_view left, std::string_view right);

}  // namespace nvhook::request
