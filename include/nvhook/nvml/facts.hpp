// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/driver/driver.hpp"
#include "nvhook/nvml/ask.hpp"

// What NVML has said, kept until the machine is started anew: brand, architecture and MIG devices
// cost seconds to learn. It is kept together with everything that it may depend on, and counts only
// while all of that is as it was.
namespace nvhook::nvml {

// Where it is kept.
inline constexpr auto kFactsParent = "/run/nvhook";

// What the facts of this host depend on, as text: the boot, the driver's version, place and UUID of
// each GPU, and number and time of each directory of a MIG instance, for one that is made anew has
// others. `proc_root` stands for /proc where the driver's facts are; the boot is this machine's.
// Fails with E_DRIVER_READ, E_KERNEL.
[[nodiscard]] Result<std::string> key_of_host(const std::string& proc_root,
                                              std::string_view driver_version,
                                              std::span<const driver::Gpu> gpus);

// Whether the two are keys of one host but for UUIDs that the driver did not know yet ("GPU-????"),
// for it learns them when NVML looks at a GPU. What NVML said in between is then true of both.
[[nodiscard]] bool same_but_for_unknown_uuids(std::string_view before, std::string_view after);

// Whether the answer leaves nothing out that a later one may have while the key stays the same: a
// GPU that did not answer, or a MIG device that this process may not see.
[[nodiscard]] bool is_whole(const Nvml& nvml, std::string_view key);

// What was kept under exactly this key below `parent`; nothing if there is none, if it cannot be
// read, or if others than this user can change it.
[[nodiscard]] std::optional<Nvml> recall(const std::string& parent, std::string_view key);

// Keeps the document in the place of an older one, whole or not at all; makes the directories (mode
// 0700) if they are missing. Fails with E_NVML_ANSWER, where the cost is that NVML is asked again.
[[nodiscard]] Result<void> remember(const std::string& parent, std::string_view key,
                                    std::string_view document);

// How long an NVML that did not answer in time is not asked again: each question costs a
// container's start the whole deadline.
inline constexpr std::chrono::seconds kSilence{300};

// How long ago it was noted under exactly this key that NVML did not answer in time; nothing where
// it was longer ago than kSilence.
[[nodiscard]] std::optional<std::chrono::seconds> recall_silence(const std::string& parent,
                                                                 std::string_view key);
// Notes it. Fails as remember().
[[nodiscard]] Result<void> remember_silence(const std::string& parent, std::string_view key);

}  // namespace nvhook::nvml
