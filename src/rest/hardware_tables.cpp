// SPDX-License-Identifier: Apache-2.0
#include "rest/hardware_tables.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace nvhook::rest {
namespace {

struct Arch {
  std::string_view arch;
  std::string_view family;
  std::uint32_t cores;
};

constexpr auto kArchs = std::to_array<Arch>({
    {"1.0", "Tesla", 8},        {"1.1", "Tesla", 8},          {"1.2", "Tesla", 8},
    {"1.3", "Tesla", 8},        {"2.0", "Fermi", 32},         {"2.1", "Fermi", 48},
    {"3.0", "Kepler", 192},     {"3.2", "Kepler", 192},       {"3.5", "Kepler", 192},
    {"3.7", "Kepler", 192},     {"5.0", "Maxwell", 128},      {"5.2", "Maxwell", 128},
    {"5.3", "Maxwell", 128},    {"6.0", "Pascal", 64},        {"6.1", "Pascal", 128},
    {"6.2", "Pascal", 128},     {"7.0", "Volta", 64},         {"7.2", "Volta", 64},
    {"7.5", "Turing", 64},      {"8.0", "Ampere", 64},        {"8.6", "Ampere", 128},
    {"8.7", "Ampere", 128},     {"8.9", "Ada Lovelace", 128}, {"9.0", "Hopper", 128},
    {"10.0", "Blackwell", 128}, {"10.1", "Blackwell", 128},   {"10.3", "Blackwell", 128},
    {"11.0", "Blackwell", 128}, {"12.0", "Blackwell", 128},   {"12.1", "Blackwell", 128},
});

const Arch* find_arch(std::string_view arch) {
  const auto* found = std::ranges::find(kArchs, arch, &Arch::arch);
  return found == kArchs.end() ? nullptr : found;
}

// By generation, from 1.
constexpr std::array<std::uint32_t, 6> kLanes = {250, 500, 985, 1969, 3938, 7563};

struct Level {
  std::string_view level;
  LinkKind kind;
};

constexpr auto kLevels = std::to_array<Level>({
    {"system", {1, "Cross CPU socket"}},
    {"numa-node", {2, "Same CPU socket"}},
    {"host-bridge", {3, "Host PCI bridge"}},
    {"several-switches", {4, "Multiple PCI switches"}},
    {"single-switch", {5, "Single PCI switch"}},
    {"same-board", {6, "Same board"}},
});

}  // namespace

std::optional<std::string_view> family_of(std::string_view arch) {
  const auto* found = find_arch(arch);
  return found == nullptr ? std::nullopt : std::optional(found->family);
}

std::optional<std::uint32_t> cores_per_multiprocessor(std::string_view arch) {
  const auto* found = find_arch(arch);
  return found == nullptr ? std::nullopt : std::optional(found->cores);
}

std::optional<std::uint32_t> lane_bandwidth(std::uint32_t pcie_generation) {
  if (pcie_generation == 0 || pcie_generation > kLanes.size()) return std::nullopt;
  return kLanes[pcie_generation - 1];
}

LinkKind link_kind(std::string_view level) {
  const auto* found = std::ranges::find(kLevels, level, &Level::level);
  return found == kLevels.end() ? LinkKind{} : found->kind;
}

}  // namespace nvhook::rest
