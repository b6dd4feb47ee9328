// SPDX-License-Identifier: Apache-2.0
// make_filters HEADER
//
// Writes the filters of calls.cpp as arrays of BPF instructions, for the machine that it runs on.
// Making them takes libseccomp longer than loading them takes the kernel, and they are the same in
// every run.
#include <linux/filter.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "calls.hpp"

namespace {

using nvhook::sandbox::Call;
using nvhook::sandbox::Table;

struct Release {
  void operator()(scmp_filter_ctx filter) const { seccomp_release(filter); }
};
using Context = std::unique_ptr<void, Release>;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "make_filters: %s\n", what.c_str());
  std::exit(1);
}

void must(int result, const std::string& what) {
  if (result != 0) fail(what);
}

// libseccomp compares the whole register, of which an int is the lower half, and takes one
// comparison an argument.
std::vector<scmp_arg_cmp> comparisons(const Call& call) {
  std::vector<scmp_arg_cmp> all;
  for (const auto& condition : call.conditions) {
    const auto same = std::ranges::find(all, condition.argument, &scmp_arg_cmp::arg);
    if (same != all.end()) {
      same->datum_a |= condition.mask;
      same->datum_b |= condition.value;
      continue;
    }
    all.push_back({.arg = condition.argument,
                   .op = SCMP_CMP_MASKED_EQ,
                   .datum_a = condition.mask,
                   .datum_b = condition.value});
  }
  return all;
}

bool allowed_without_conditions(const Table& table, const std::string& name) {
  return std::ranges::any_of(
      table.calls, [&](const Call& call) { return call.name == name && call.conditions.empty(); });
}

// libseccomp 2.5 does not know it. It has one number on every machine.
// Source: include/uapi/asm-generic/unistd.h of Linux 6.8.
constexpr const char* kNewest = "statmount";
constexpr int kNumberOfNewest = 457;

int number_of(const std::string& call) {
  if (call == kNewest) return kNumberOfNewest;
  const int number = seccomp_syscall_resolve_name(call.c_str());
  if (number == __NR_SCMP_ERROR) fail("no system call " + call);
  return number;
}

Context filter_of(const Table& table) {
  Context filter(seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (!filter) fail("seccomp_init");
  // Another machine's calls have other numbers; those of x32 are refused with them.
  must(seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "bad arch");
  // A tree: the kernel tries each number there is when it takes the filter, and a list costs it
  // twice the time.
  must(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");
  for (const auto& call : table.calls) {
    const int number = number_of(call.name);
    if (number < 0) continue;  // of other machines only
    if (!call.conditions.empty() && allowed_without_conditions(table, call.name)) continue;
    const auto conditions = comparisons(call);
    must(seccomp_rule_add_exact_array(filter.get(), SCMP_ACT_ALLOW, number,
                                      static_cast<unsigned>(conditions.size()), conditions.data()),
         table.name + ": " + call.name);
  }
  return filter;
}

std::vector<sock_filter> instructions(const Context& filter) {
  const int file = ::memfd_create("filter", MFD_CLOEXEC);
  must(seccomp_export_bpf(filter.get(), file), "seccomp_export_bpf");
  std::vector<sock_filter> program(static_cast<std::size_t>(::lseek(file, 0, SEEK_CUR)) /
                                   sizeof(sock_filter));
  const auto size = program.size() * sizeof(sock_filter);
  if (::pread(file, program.data(), size, 0) != static_cast<ssize_t>(size)) fail("read filter");
  ::close(file);
  return program;
}

// Of an int libseccomp compares the upper half of the register, too: it loads it, masks all of it
// away, and compares the rest, which is nothing, with nothing. What comes next loads anew.
bool is_idle(std::span<const sock_filter> program, std::size_t at) {
  constexpr auto kLoad = BPF_LD | BPF_W | BPF_ABS;
  if (program.size() - at < 4) return false;
  const auto steps = program.subspan(at, 4);
  return steps[0].code == kLoad && steps[1].code == (BPF_ALU | BPF_AND | BPF_K) &&
         steps[1].k == 0 && steps[2].code == (BPF_JMP | BPF_JEQ | BPF_K) && steps[2].k == 0 &&
         steps[2].jt == 0 && steps[3].code == kLoad;
}

// A third of the program: the kernel compiles the rest in two thirds of the time.
std::vector<sock_filter> without_idle_steps(std::span<const sock_filter> program) {
  std::vector<std::size_t> place;  // of each step in the result; of an idle one, that of the next
  std::vector<std::size_t> kept;
  for (std::size_t at = 0; at < program.size(); ++at) {
    place.push_back(kept.size());
    if (is_idle(program, at)) {
      place.insert(place.end(), 2, kept.size());
      at += 2;
      continue;
    }
    kept.push_back(at);
  }
  std::vector<sock_filter> result;
  for (const auto at : kept) {
    auto step = program[at];
    // Jumps count from the next step.
    const auto moved = [&](std::size_t distance) {
      return place[at + 1 + distance] - place[at] - 1;
    };
    if (step.code == (BPF_JMP | BPF_JA)) {
      step.k = static_cast<std::uint32_t>(moved(step.k));
    } else if (BPF_CLASS(step.code) == BPF_JMP) {
      step.jt = static_cast<std::uint8_t>(moved(step.jt));
      step.jf = static_cast<std::uint8_t>(moved(step.jf));
    }
    result.push_back(step);
  }
  return result;
}

std::string text_of(const Table& table) {
  std::string text = "\nconstexpr sock_filter k" + table.name + "[] = {\n";
  std::array<char, 64> line{};
  for (const auto& step : without_idle_steps(instructions(filter_of(table)))) {
    std::snprintf(line.data(), line.size(), "    {0x%02x, %u, %u, 0x%x},\n", step.code, step.jt,
                  step.jf, step.k);
    text += line.data();
  }
  return text + "};\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: make_filters HEADER");
  std::string text =
      "// Made by make_filters from src/sandbox/calls.cpp.\n#pragma once\n\n"
      "#include <linux/filter.h>\n";
  for (const auto& table : nvhook::sandbox::tables()) text += text_of(table);
  std::FILE* header = std::fopen(argv[1], "w");
  if (header == nullptr || std::fputs(text.c_str(), header) < 0 || std::fclose(header) != 0)
    fail(std::string("cannot write ") + argv[1]);
}
