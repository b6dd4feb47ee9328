// SPDX-License-Identifier: Apache-2.0
// Documents that are as large as nvhook reads them, each of another shape, cost the host little
// memory. Measured by the kernel on the program as it ships: a sanitizer takes more than anything
// here. Needs neither root nor a driver: those that parse end at a root file system that is
// missing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "nvhook/oci/config.hpp"
#include "nvhook/oci/state.hpp"
#include "support/fake_root.hpp"

namespace nvhook::test {
namespace {

constexpr long kMostKib = 48L << 10U;  // the promise is 64 MiB; half a million tabs take 43

constexpr int kNothingAsked = 0;
constexpr int kRefused = 2;      // E_STATE_LIMIT, E_STATE_PARSE
constexpr int kNoContainer = 4;  // E_PID

// `start`, then `unit` with commas between as often as it fits, at most `times`, then `end`.
struct Shape {
  const char* name;
  int status;  // of nvhook
  std::string start, unit, end;
  std::size_t times = std::string::npos;
  std::size_t beyond = 0;  // the largest size that is read
};

// Written piece by piece: a program's figure starts at what the process held that spawned it.
void write(const Shape& shape, std::size_t most, const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  out << shape.start << shape.unit;
  auto left = most + shape.beyond - shape.start.size() - shape.unit.size() - shape.end.size();
  for (std::size_t i = 1; i < shape.times && left > shape.unit.size(); ++i) {
    out << ',' << shape.unit;
    left -= shape.unit.size() + 1;
  }
  out << shape.end;
}

struct Cost {
  int status = -1;  // as a shell has it
  long kib = 0;     // of the larger one of the hook and its parser child: getrusage(2), ru_maxrss
};

Cost cost_of(const std::vector<std::string>& arguments, const std::filesystem::path& input) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input.c_str(), O_RDONLY, 0);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, NVHOOK_PROGRAM, &actions, nullptr, argv.data(), nullptr);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return {};
  int status = 0;
  rusage used{};
  ::wait4(pid, &status, 0, &used);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), used.ru_maxrss};
}

void expect_small(const Cost& cost, const Shape& shape) {
  EXPECT_LE(cost.kib, kMostKib) << shape.name;
  EXPECT_EQ(cost.status, shape.status) << shape.name;
}

std::string letters(std::size_t count) { return std::string(count, 'x'); }

std::string repeated(std::string_view unit, std::size_t times) {
  std::string text(unit);
  for (std::size_t i = 1; i < times; ++i) (text += ',') += unit;
  return text;
}

constexpr std::size_t kLongest = std::size_t{256} << 10U;  // string
constexpr std::size_t kMany = 65536;                       // elements of a list

std::vector<Shape> configs() {
  const std::string head =
      R"({"ociVersion":"1.0.2","root":{"path":"missing"},"annotations":{"":"NVIDIA_"},)";
  const std::string env = head + R"("process":{"env":[)";
  const std::string mounts = head + R"("mounts":[)";
  const std::string any = head + R"("x":[)";
  const auto keys = [&](std::string object) {
    for (std::size_t i = 0; i < kMany - 8; ++i)
      object += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
    return object;
  };
  return {
      {"variables", kNothingAsked, env, "\"A=" + letters(245) + '"', "]}}", kMany},
      {"too many variables", kRefused, env, "\"A=" + letters(145) + '"', "]}}", 100'000},
      {"long variables", kNothingAsked, env, "\"A=" + letters(kLongest - 2) + '"', "]}}"},
      {"variables of NVIDIA's", kRefused, env, "\"NVIDIA_A=" + letters(235) + '"', "]}}", kMany},
      {"escapes", kNothingAsked, env, R"("A=\u0041\n\u20ac")", "]}}", kMany},
      {"mounts", kRefused, mounts, R"({"destination":"/a"})", "]}", kMany},
      {"empty options", kRefused, mounts,
       R"({"destination":"/a","options":[)" + repeated("\"\"", kMany) + "]}", "]}"},
      {"options", kRefused, mounts,
       R"({"destination":"/a","options":[)" + repeated("\"0123456789abcdef\"", kMany) + "]}", "]}"},
      {"keys", kNothingAsked, keys(head + "\"x\":{") + ",\"y\":{", keys(""), "}}}", 1},
      {"long keys", kRefused, head + "\"x\":{", '"' + letters(kLongest - 3) + "\":0", "}}"},
      {"deep", kNothingAsked, any, std::string(61, '[') + std::string(61, ']'), "]}", 10'000},
      {"too deep", kRefused, any, std::string(kLongest, '['), ""},
      {"one string", kRefused, any + '"', letters(kLongest), "\"]}"},
      {"a number", kRefused, any, std::string(std::size_t{6} * kLongest - 100, '1'), "]}", 1},
      {"blanks", kRefused, any + std::string(std::size_t{7} * kLongest, ' '), "\"a\"", "]}"},
      {"tabs and no JSON", kRefused, any, '"' + letters(kLongest) + '"',
       std::string(8 * kMany, '\t') + std::string(3 * kLongest, ' ') + "?]}"},
      {"an end that is missing", kRefused, env, "\"A=" + letters(kLongest - 2) + '"', ""},
      {"more than is read", kRefused, any, "\"\"", "]}", std::string::npos, 8},
  };
}

std::vector<Shape> states(const std::string& members) {
  const std::string head = '{' + members + ',';
  return {
      {"annotations", kNoContainer, head + R"("annotations":[)", '"' + letters(20) + '"', "]}"},
      {"long annotations", kNoContainer, head + R"("annotations":[)", '"' + letters(kLongest) + '"',
       "]}"},
      {"deep", kRefused, head + R"("x":)" + std::string(kLongest, '['), "[", ""},
      {"blanks", kNoContainer, head + std::string(3 * kLongest, ' ') + "\"x\":[",
       '"' + letters(20) + '"', "]}"},
      {"more than is read", kRefused, head + R"("x":[)", "\"\"", "]}", std::string::npos, 8},
  };
}

// In each a word by which GPUs are asked for occurs, so that nothing ends at a glance.
TEST(Memory, IsSmallForAnyConfig) {
  FakeRoot bundle;
  for (const auto& shape : configs()) {
    write(shape, oci::kMaxConfigBytes, bundle.on_disk("/config.json"));
    expect_small(cost_of({NVHOOK_PROGRAM, "--dry-run", "--bundle", bundle.on_disk()}, "/dev/null"),
                 shape);
  }
}

// The process of the state is this one: a container's it is not, which is found after parsing.
TEST(Memory, IsSmallForAnyState) {
  FakeRoot bundle;
  bundle.file("/config.json", R"({"ociVersion":"1.0.2","root":{"path":"missing"},)"
                              R"("process":{"env":["NVIDIA_VISIBLE_DEVICES=all"]}})");
  const auto members = R"("id":"c","status":"created","pid":)" + std::to_string(::getpid()) +
                       R"(,"bundle":")" + bundle.on_disk().string() + '"';
  for (const auto& shape : states(members)) {
    const auto file = bundle.on_disk("/state");
    write(shape, oci::kMaxStateBytes, file);
    expect_small(cost_of({NVHOOK_PROGRAM, "prestart"}, file), shape);
  }
}

}  // namespace
}  // namespace nvhook::test
