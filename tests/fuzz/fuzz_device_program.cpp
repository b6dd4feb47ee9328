// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cgroup/device_program.hpp"
#include "support/device_evaluator.hpp"

namespace {

using namespace nvhook;
using cgroup::Program;

const std::vector<DeviceNumber> kGranted = {{195, 0}, {195, 255}, {510, 0}};

bool is_granted(const test::Question& question) {
  constexpr std::uint32_t kReadWrite = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
  return question.type == BPF_DEVCG_DEV_CHAR && (question.access & ~kReadWrite) == 0 &&
         std::ranges::binary_search(kGranted, DeviceNumber{question.major, question.minor});
}

// A few questions only: there are many programs.
void ask_both(const Program& before, const Program& after) {
  for (const std::uint32_t major : {194U, 195U, 510U})
    for (const std::uint32_t minor : {0U, 255U})
      for (const std::uint32_t type : {1U, 2U})
        for (const std::uint32_t access : {1U, 4U, 6U}) {
          const test::Question question{type, access, major, minor};
          const auto was = test::allows(before, question);
          if (!was) continue;  // the kernel would not have loaded it
          const auto is = test::allows(after, question);
          if (!is || *is != (*was || is_granted(question))) std::abort();
        }
}

}  // namespace

// The input is the instructions of a program that somebody else has attached. With grants in front
// it allows what it allowed, and what is granted; the grants are found again and do not pile up.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Program before(size / sizeof(bpf_insn));
  if (!before.empty()) std::memcpy(before.data(), data, before.size() * sizeof(bpf_insn));

  const auto had = cgroup::grants_of(before);
  if (had.size > before.size()) std::abort();
  if (!std::ranges::is_sorted(had.devices)) std::abort();
  if (std::ranges::adjacent_find(had.devices) != had.devices.end()) std::abort();
  (void)cgroup::can_be_loaded_again(before);

  const auto after = cgroup::with_grants(before, kGranted);
  if (!after) return 0;
  const auto has = cgroup::grants_of(*after);
  for (const auto& devices : {had.devices, kGranted})
    if (!std::ranges::includes(has.devices, devices)) std::abort();
  if (after->size() - has.size != before.size() - had.size) std::abort();
  const auto again = cgroup::with_grants(*after, kGranted);
  if (!again || again->size() != after->size()) std::abort();
  ask_both(before, *after);
  return 0;
}
