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
#include <cstdio>
#include <cstdlib>
#include <memory>
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

std::string text_of(const Table& table) {
  std::string text = "\nconstexpr sock_filter k" + table.name + "[] = {\n";
  std::array<char, 64> line{};
  for (const auto& step : instructions(filter_of(table))) {
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
