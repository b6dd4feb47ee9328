// SPDX-License-Identifier: Apache-2.0
// Family E: what whoever starts the hook may have put into its environment and arguments, and the
// image into the container's.
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "attack/attack.hpp"
#include "support/sanitized.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What a loader would heed beyond where it looks: it profiles, which ends a program that has one.
const std::string kProfile = "LD_PROFILE=libc.so.6";

// What a C library, a shell or a loader would heed.
const std::vector<std::string> kHostile = {
    "LD_LIBRARY_PATH=/nonexistent",
    "LD_ORIGIN_PATH=/nonexistent",
    "LD_BIND_NOW=1",
    "GCONV_PATH=/nonexistent",
    "LOCPATH=/nonexistent",
    "NLSPATH=/nonexistent",
    "LC_ALL=tr_TR.UTF-8",
    "LANGUAGE=xx",
    "MALLOC_CHECK_=3",
    "MALLOC_PERTURB_=85",
    "MALLOC_ARENA_MAX=1",
    "MALLOC_TRACE=/proc/self/mem",
    "RES_OPTIONS=debug",
    "HOSTALIASES=/etc/shadow",
    "TZ=/proc/self/mem",
    "TZDIR=/proc/self",
    "TMPDIR=/proc/self/root",
    "HOME=/proc/self/root",
    "IFS=/",
    "BASH_ENV=/etc/passwd",
    "ENV=/etc/passwd",
    "SHELLOPTS=xtrace",
    "XDG_CONFIG_HOME=/etc",
    "NVHOOK_CONFIG=/etc/passwd",
    "NVIDIA_VISIBLE_DEVICES=void",
    "NVIDIA_DRIVER_CAPABILITIES=graphics",
    "NVIDIA_DRIVER_ROOT=/etc",
};

class Environment : public Attack {
 protected:
  // The devices that the container got, by the rules of its cgroup.
  std::set<std::string> granted() {
    std::set<std::string> rules;
    std::istringstream list(container().device_rules());
    for (std::string rule; std::getline(list, rule);)
      if (rule.ends_with(" rw")) rules.insert(rule);
    return rules;
  }

  // The calls of a hook with this environment, on a container of its own.
  std::vector<Call> calls_with(const std::vector<std::string>& environment) {
    start_over();
    scene().environment = environment;
    scene().traced = true;
    contained();
    return calls_of_last_run();
  }
};

// Its memory is where and when it likes, and what can be read it finds out by writing that to a
// pipe.
bool is_of_a_sanitizer(const Call& call) {
  return (call.name.starts_with("m") && call.name.ends_with("map")) ||
         call.name.starts_with("pipe") || call.name == "close" ||
         (call.name == "write" && call.arguments.back() == "16");
}

// Of the program alone, as its parser child works beside it; without what is no two runs' same:
// numbers, random names, and the bytes that a number is sent as.
std::vector<std::string> shape_of(const std::vector<Call>& calls) {
  static const std::regex changing(
      R"([0-9a-f]{16}\.(json|former)|0x[0-9a-f]+|[0-9]+|\\[0-7a-z]+|nvhook-(test|attack)-\w*)"
      // Whether the parser child ends before it is ended.
      R"(|WIF\w+\(s\) && W\w+\(s\) == \w+)");
  std::vector<std::string> shape;
  for (const auto& call : calls) {
    if (call.pid != calls.front().pid || call.name == "getrandom") continue;
    if (kSanitized && is_of_a_sanitizer(call)) continue;
    // What it inherits is closed first of all; what was before was the loader's.
    if (call.name == "close_range") shape.clear();
    // What is read may be cut in the middle of a number.
    const bool has_data = call.name == "sendmsg" || call.name == "recvfrom" || call.name == "read";
    auto line = call.name + "(";
    for (const auto& argument : call.arguments)
      if (!has_data) line += argument + ", ";
    shape.push_back(std::regex_replace(line + ") = " + call.result, changing, "#"));
  }
  return shape;
}

TEST_P(Environment, E02_ChangesNoCall) {
  const auto plain = shape_of(calls_with({}));
  auto environment = kHostile;
  if (!kSanitized) environment.push_back(kProfile);
  const auto hostile = shape_of(calls_with(environment));

  EXPECT_GT(plain.size(), 300U);
  const auto [one, other] = std::ranges::mismatch(plain, hostile);
  EXPECT_TRUE(one == plain.end() && other == hostile.end())
      << (one == plain.end() ? "more calls" : *one) << "\n"
      << (other == hostile.end() ? "fewer calls" : *other);
}

// Tunables are read before main, by static programs as well (CVE-2023-4911).
TEST_P(Environment, E03_Tunables) {
  std::string repeated = "GLIBC_TUNABLES=glibc.malloc.check=3";
  while (repeated.size() < 100'000) repeated += ":glibc.malloc.check=3";
  const std::vector<std::string> cases[] = {
      {"GLIBC_TUNABLES="},
      {"GLIBC_TUNABLES=glibc.malloc.check=3:glibc.malloc.perturb=85"},
      {"GLIBC_TUNABLES=glibc.malloc.mxfast=glibc.malloc.mxfast=A"},
      {"GLIBC_TUNABLES=" + std::string(100'000, '=')},
      {"GLIBC_TUNABLES=a" + std::string(100'000, ':')},
      {"GLIBC_TUNABLES=glibc.malloc.mxfast=glibc.malloc.mxfast=" + std::string(100'000, 'A')},
      {repeated},
      // The longest that execve(2) takes is 128 KiB with the NUL.
      {"GLIBC_TUNABLES=" + std::string((128U << 10U) - 16, 'A')},
      {"GLIBC_TUNABLES=glibc.malloc.mxfast=1", "GLIBC_TUNABLES=glibc.malloc.mxfast=2"},
      std::vector<std::string>(1000, "GLIBC_TUNABLES=glibc.malloc.tcache_count=99999999999"),
  };
  for (const auto& environment : cases) {
    SCOPED_TRACE(environment.front().substr(0, 60));
    start_over();
    scene().environment = environment;
    contained();
  }
}

// Some end a program before its main. That is as good as a refusal.
TEST_P(Environment, E03_TunablesThatGlibcDiesOf) {
  scene().environment = {"GLIBC_TUNABLES=glibc.rtld.optional_static_tls=999999999999"};

  const auto& died = run_instead(hook_command({"prestart"}));

  EXPECT_EQ(died.finished.status, 127) << died.finished.err;
  expect_no_complaints();
}

TEST_P(Environment, E03_TunablesMakeItStartAgainOnce) {
  for (const std::size_t expected : {0U, 1U}) {
    start_over();
    if (expected != 0) scene().environment = {"GLIBC_TUNABLES=glibc.malloc.check=3"};
    std::size_t again = 0;
    // Not by strace, which a sanitizer that has lost its options could not stand.
    scene().watch = [&](const WatchedCall& call) {
      again += call.number == SYS_execve ? 1 : 0;
      return Answer{};
    };
    contained();
    EXPECT_EQ(again, expected);
  }
}

TEST_P(Environment, E04_PathWithProgramsOfTheImage) {
  for (const auto* name :
       {"ldconfig", "nvidia-smi", "nvidia-modprobe", "modprobe", "mount", "sh"}) {
    image().file(std::string("/bin/") + name,
                 "#!/bin/sh\ntouch " + victim().on_disk("/executed").string() + "\n");
    fs::permissions(image().on_disk(std::string("/bin/") + name), fs::perms{0755});
  }
  scene().environment = {"PATH=" + image().on_disk("/bin").string()};
  scene().before = [&] {
    [[maybe_unused]] const int done = ::chdir(image().on_disk("/bin").c_str());
  };
  scene().traced = true;  // an execve would be complained of

  contained();
}

TEST_P(Environment, E05_Arguments) {
  scene().state = "";
  scene().rehearsed = false;
  // An empty vector becomes one empty word: execve(2), since Linux 5.18.
  scene().before = [] {
    char* none[] = {nullptr};
    ::execve(NVHOOK_PROGRAM, none, none);
  };
  refused("E_STATE_PARSE");
  scene().before = [] {
    char name[] = "../../proc/self/exe\n\x1b[31m";
    char bad[] = "--\x1b[2J\n\xff";
    char* arguments[] = {name, bad, nullptr};
    char* none[] = {nullptr};
    ::execve(NVHOOK_PROGRAM, arguments, none);
  };
  refused("E_USAGE");
  scene().before = nullptr;
  // As much as execve(2) takes: a quarter of the stack, and 128 KiB a word.
  scene().options = std::vector<std::string>(90, std::string(20'000, 'A'));
  refused("E_USAGE");
  scene().options = std::vector<std::string>(20'000, "--debug");
  refused("E_USAGE");
}

TEST_P(Environment, E05_AnotherNameForTheProgram) {
  const auto arguments = hook_command({"prestart"});
  for (const auto* name : {"", "../../x", "/proc/self/exe"}) {
    SCOPED_TRACE(name);
    start_over();
    // bash's exec -a.
    std::vector<std::string> command = {"/bin/bash", "-c", "exec -a \"$0\" \"$@\"", name};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto& done = run_instead(command);
    EXPECT_EQ(done.finished.status, 0) << done.finished.err;
    expect_no_complaints();
  }
}

TEST_P(Environment, E06_VariablesWithoutNumberAndForm) {
  std::vector<std::string> many;
  // 1.7 MB on the stack, of the 2 that the kernel lets a program have.
  for (int i = 0; i < 100'000; ++i) many.push_back("V" + std::to_string(i) + "=x");
  const std::vector<std::string> cases[] = {
      {"NO_SIGN", "=", "==", "", "\xff\xfe=\x80", "A=\n\x1b[2J", "LD_", "GLIBC_TUNABLE",
       "GLIBC_TUNABLESX=1"},
      {"LONG=" + std::string((128U << 10U) - 6, 'x')},
      many,
  };
  for (const auto& environment : cases) {
    SCOPED_TRACE(environment.front().substr(0, 20));
    start_over();
    scene().environment = environment;
    contained();
  }
}

std::string times(std::size_t count, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST_P(Environment, E07_DevicesThatAreGranted) {
  const std::string control = "c 195:255 rw";
  const std::string uvm = "c 510:0 rw";
  const std::string tools = "c 510:1 rw";
  const std::set<std::string> nothing;
  const std::set<std::string> none = {control, uvm, tools};
  const std::set<std::string> first = {control, uvm, tools, "c 195:0 rw"};
  const std::set<std::string> both = {control, uvm, tools, "c 195:0 rw", "c 195:1 rw"};
  const struct {
    std::string value;
    std::set<std::string> rules;
  } cases[] = {
      {"all", both},
      {"all,none", both},
      {"none", none},
      {"none,all", none},
      {"void", nothing},
      {"", nothing},
      {"0", first},
      {times(4000, "0,"), first},
      {"GPU-5eed0000-51d1-4a00-8000-000000000000", first},
  };
  for (const auto& [value, rules] : cases) {
    SCOPED_TRACE(value.substr(0, 40));
    start_over();
    const auto before = granted();
    scene().bundle.env("NVIDIA_VISIBLE_DEVICES=" + value);
    contained();
    auto after = granted();
    for (const auto& rule : before) after.erase(rule);
    EXPECT_EQ(after, rules);
  }
}

TEST_P(Environment, E07_DevicesThatAreNone) {
  for (const std::string& value :
       {times(100'000, "0,"), std::string("-1"), std::string("0x0"), std::string("٠"),
        "GPU-" + std::string(200U << 10U, 'a'), std::string("../../dev/sda"),
        std::string("/dev/sda"), std::string("0\n1"), std::string("0 1"), std::string("0:0:0"),
        std::string("99999999999999999999"), std::string("2"), std::string("\x1b[2J"),
        std::string("0,2")}) {
    SCOPED_TRACE(value.substr(0, 40));
    scene().bundle.env("NVIDIA_VISIBLE_DEVICES=" + value);
    refused("E_REQ_DEVICE");
  }
}

TEST_P(Environment, E08_CapabilitiesThatDoNotExist) {
  for (const std::string& value :
       {std::string("compute,../x"), std::string("compute\nutility"), std::string("Compute"),
        std::string("compute;utility"), std::string(200U << 10U, 'a'), std::string("\x1b[2J")}) {
    SCOPED_TRACE(value.substr(0, 40));
    scene().bundle.env("NVIDIA_DRIVER_CAPABILITIES=" + value);
    refused("E_REQ_CAPABILITY");
  }
}

TEST_P(Environment, E08_RequirementsThatAreNone) {
  for (const std::string& entry :
       {"CUDA=" + times(20'000, "cuda>=1 "), std::string("../../x=y"),
        std::string("CUDA=cuda>=1\n2"), std::string("CUDA=cuda>=-1"),
        std::string("CUDA=cuda>=99999999999999999999.x"), std::string("CUDA=\x1b[2J")}) {
    SCOPED_TRACE(entry.substr(0, 40));
    start_over();
    scene().bundle.env("NVIDIA_REQUIRE_" + entry);
    refused("E_REQ_REQUIREMENT");
  }
}

// What the message repeats of them can be read, and is short.
TEST_P(Environment, E08_RequirementsThatAreNotMet) {
  for (const std::string& entry :
       {std::string("CUDA=cuda>=99.0"), std::string("\x1b[2J=cuda>=99.0"),
        std::string("\xe2\x80\xae\n=driver<1"), std::string(100'000, 'A') + "=driver>=99999",
        "CUDA=" + times(5'000, "cuda>=99 "), "CUDA=cuda<" + times(5'000, "0.")}) {
    SCOPED_TRACE(entry.substr(0, 40));
    start_over();
    scene().bundle.env("NVIDIA_REQUIRE_" + entry);
    refused("E_REQ_UNMET");
    EXPECT_LT(outcome().finished.err.size(), 2000U);
  }
}

TEST_P(Environment, E08_VariablesThatSayNothingToUs) {
  contained();
  const auto usual = outcome().plan;
  for (const std::string& entry :
       {"NVIDIA_REQUIRE_CUDA=" + times(5'000, "cuda>=1 "), std::string("NVIDIA_DISABLE_REQUIRE=1"),
        std::string("NVIDIA_DISABLE_REQUIRE=\xe2\x80\xae"), std::string("NVIDIA_IMEX_CHANNELS=all"),
        std::string("NVIDIA_MOFED=enabled"), std::string("NVIDIA_GDS=../../x")}) {
    SCOPED_TRACE(entry.substr(0, 40));
    start_over();
    scene().bundle.env(entry);
    contained();
    EXPECT_EQ(outcome().plan.device_rules, usual.device_rules);
    EXPECT_EQ(outcome().plan.mounts.size(), usual.mounts.size());
  }
}

TEST_P(Environment, E08_DevicesOfOtherKindsThatAreNotGiven) {
  const struct {
    std::string entry;
    const char* id;
  } cases[] = {
      {"NVIDIA_IMEX_CHANNELS=-1,4294967296", "E_REQ_IMEX"},
      {"NVIDIA_IMEX_CHANNELS=" + times(5'000, "0,"), "E_REQ_IMEX"},
      {"NVIDIA_IMEX_CHANNELS=../../nvidia0", "E_REQ_IMEX"},
      {"NVIDIA_IMEX_CHANNELS=7", "E_REQ_IMEX"},  // which this host does not have
      {"NVIDIA_MIG_CONFIG_DEVICES=all", "E_REQ_MIG"},
      {"NVIDIA_MIG_MONITOR_DEVICES=\x1b[2J", "E_REQ_MIG"},
      {"NVIDIA_VISIBLE_DEVICES=0:4294967296", "E_REQ_DEVICE"},
      {"NVIDIA_VISIBLE_DEVICES=MIG-GPU-" + times(5'000, "../"), "E_REQ_DEVICE"},
  };
  for (const auto& [entry, id] : cases) {
    SCOPED_TRACE(entry.substr(0, 40));
    start_over();
    scene().bundle.env(entry);
    refused(id);
    EXPECT_LT(outcome().finished.err.size(), 2000U);
  }
}

// As the runtimes do for the container's own process (runc, libcontainer/env.go; crun likewise).
TEST_P(Environment, E09_TheLastOfTwoCounts) {
  scene().bundle.env("NVIDIA_VISIBLE_DEVICES=0");
  contained();
  EXPECT_TRUE(granted().contains("c 195:0 rw"));
  EXPECT_FALSE(granted().contains("c 195:1 rw"));

  start_over();
  scene().bundle.env("NVIDIA_VISIBLE_DEVICES=void");
  contained();
  EXPECT_FALSE(granted().contains("c 195:0 rw"));
}

INSTANTIATE_TEST_SUITE_P(Kernel, Environment, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
