// SPDX-License-Identifier: Apache-2.0
#include "nvhook/sandbox/parser_child.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>
#include <set>
#include <sstream>

#include "sandbox/instrumented.hpp"
#include "support/process_status.hpp"

namespace nvhook::sandbox {
namespace {

using ::testing::HasSubstr;

ParserChild start(const Handler& handler) {
  auto child = ParserChild::start(handler);
  EXPECT_TRUE(child) << child.error().text();
  return std::move(*child);
}

Result<std::string> parse(ParserChild& child, std::uint8_t kind, std::string_view document) {
  child.ask({kind, document});
  return child.answer();
}

Result<std::string> echo(std::uint8_t kind, std::string_view document) {
  return std::to_string(kind) + ":" + std::string(document);
}

TEST(ParserChild, AnswersInOrder) {
  auto child = start(echo);
  child.ask({1, "first"});
  child.ask({2, "second"});

  EXPECT_EQ(child.answer(), "1:first");
  EXPECT_EQ(child.answer(), "2:second");
}

TEST(ParserChild, HasTheDocumentsThatItIsStartedWith) {
  std::string text = "first";
  auto child = ParserChild::start(echo, std::array{Document{1, text}, Document{2, "second"}});
  ASSERT_TRUE(child) << child.error().text();
  text = "other";  // let go and used again
  child->ask({3, "third"});

  EXPECT_EQ(child->answer(), "1:first");
  EXPECT_EQ(child->answer(), "2:second");
  EXPECT_EQ(child->answer(), "3:third");
}

// Nobody reads while the child writes the first record, and nobody has to.
TEST(ParserChild, HasRoomForManyLargeRecordsOfThose) {
  const std::string large(ParserChild::kMaxRecord - 2, 'x');
  auto child = ParserChild::start(echo, std::array{Document{1, large}, Document{2, large}});
  ASSERT_TRUE(child) << child.error().text();

  EXPECT_EQ(child->answer(), "1:" + large);
  EXPECT_EQ(child->answer(), "2:" + large);
}

TEST(ParserChild, TakesOneDocumentAfterAnother) {
  auto child = start(echo);

  EXPECT_EQ(parse(child, 1, "one"), "1:one");
  EXPECT_EQ(parse(child, 2, ""), "2:");
}

TEST(ParserChild, CarriesDocumentsOfSeveralMebibytes) {
  auto child = start([](std::uint8_t, std::string_view document) -> Result<std::string> {
    return std::to_string(document.size()) + std::string(document.substr(document.size() - 1));
  });
  const std::string document(ParserChild::kMaxDocument - 1, 'x');

  EXPECT_EQ(parse(child, 1, document + "y"), std::to_string(document.size() + 1) + "y");
  EXPECT_EQ(parse(child, 1, document + "yz").error().id(), ErrorId::StateLimit);
}

TEST(ParserChild, BringsBackTheHandlersError) {
  auto child = start([](std::uint8_t, std::string_view) -> Result<std::string> {
    return failure(ErrorId::StateField,
                   "state: \x1b[2J"
                   "bundle is missing");
  });

  const auto record = parse(child, 1, "{}");

  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().id(), ErrorId::StateField);
  EXPECT_EQ(record.error().message(), "state: ?[2Jbundle is missing");
}

TEST(ParserChild, IsDoneWithWhenItDies) {
  auto child =
      start([](std::uint8_t, std::string_view) -> Result<std::string> { __builtin_trap(); });

  const auto record = parse(child, 1, "x");

  EXPECT_EQ(record.error().id(), ErrorId::StateLimit);
  EXPECT_THAT(record.error().message(), HasSubstr("ended by signal 4"));
}

TEST(ParserChild, IsDoneWithWhenItNeverAnswers) {
  auto child = start([](std::uint8_t, std::string_view) -> Result<std::string> {
    for (volatile bool forever = true; forever;) {
    }
    return std::string();
  });

  const auto record = parse(child, 1, "x");

  EXPECT_EQ(record.error().id(), ErrorId::StateLimit);
  EXPECT_THAT(record.error().message(), HasSubstr("within 2 s"));
}

// Throwing for the first time, glibc calls futex(2) to wake whoever waits, which is nobody.
TEST(ParserChild, IsDoneWithWhenMemoryIsShort) {
  auto child =
      start([](std::uint8_t, std::string_view) -> Result<std::string> { throw std::bad_alloc(); });

  const auto record = parse(child, 1, "x");

  EXPECT_EQ(record.error().id(), ErrorId::StateLimit);
  EXPECT_THAT(record.error().message(), HasSubstr("64 MiB"));
}

TEST(ParserChild, IsDoneWithWhenARecordIsTooLarge) {
  auto child = start([](std::uint8_t, std::string_view) -> Result<std::string> {
    return std::string(ParserChild::kMaxRecord + 1, 'x');
  });

  EXPECT_EQ(parse(child, 1, "x").error().id(), ErrorId::StateLimit);
}

// The child of this process, while there is one only.
pid_t only_child() {
  pid_t pid = -1;
  std::ifstream("/proc/thread-self/children") >> pid;
  return pid;
}

// It waits for the next document after its answer, and can be looked at.
ParserChild child_at_work() {
  auto child = start(echo);
  EXPECT_EQ(parse(child, 1, "x"), "1:x");
  return child;
}

TEST(ParserChild, HoldsNoDescriptorOfOurs) {
  const UniqueFd ours(::open("/etc", O_PATH | O_DIRECTORY));
  const auto child = child_at_work();

  std::set<std::string> held;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(only_child()) + "/fd"))
    held.insert(entry.path().filename());
  EXPECT_EQ(held, (std::set<std::string>{"0", "2"}));  // the socket and standard error
}

TEST(ParserChild, HasNoPrivileges) {
  const auto child = child_at_work();

  const auto status = test::status_of(only_child());

  EXPECT_EQ(status.permitted | status.effective | status.inheritable | status.ambient, 0U);
  if (::geteuid() == 0) {  // others cannot empty it, nor use it
    EXPECT_EQ(status.bounding, 0U);
  }
  EXPECT_TRUE(status.no_new_privileges);
  EXPECT_EQ(status.seccomp, 2);
}

TEST(ParserChild, IsBounded) {
  const auto child = child_at_work();

  std::map<std::string, std::string> limits;  // "Max open files            0     0     files"
  std::ifstream in("/proc/" + std::to_string(only_child()) + "/limits");
  for (std::string line; std::getline(in, line);) {
    const auto name = line.substr(0, line.find("  "));
    std::istringstream(line.substr(26)) >> limits[name];
  }
  EXPECT_EQ(limits["Max cpu time"], "2");
  EXPECT_EQ(limits["Max file size"], "0");
  EXPECT_EQ(limits["Max core file size"], "0");
  EXPECT_EQ(limits["Max processes"], "0");
  EXPECT_EQ(limits["Max stack size"], "8388608");
  if (kInstrumented) return;  // sanitizers need more
  EXPECT_EQ(limits["Max address space"], "67108864");
  EXPECT_EQ(limits["Max open files"], "0");
}

struct Exploit {
  std::string_view name;
  int (*attempt)();
};

constexpr pid_t kNobody = 0x7ffffff0;  // beyond the kernel's largest: should it be let through

// What code would try that had taken over the parser. Raw calls, as it would make them.
constexpr auto kToRun = "/bin/true";
const std::array kExploits = {
    Exploit{"executes a program",
            [] {
              char* nothing[] = {nullptr};
              return ::execve(kToRun, nothing, nothing);
            }},
    Exploit{"makes a socket", [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }},
    Exploit{"changes its namespaces", [] { return ::unshare(CLONE_NEWUSER); }},
    Exploit{"takes a descriptor of its parent's",
            [] { return static_cast<int>(::syscall(SYS_pidfd_getfd, 0, 0, 0)); }},
    Exploit{"opens a file by number",
            [] { return static_cast<int>(::syscall(SYS_open_by_handle_at, 0, 0, 0)); }},
    Exploit{"loads a BPF program", [] { return static_cast<int>(::syscall(SYS_bpf, 0, 0, 0)); }},
};
// These make calls that the sanitizers make, too.
const std::array kExploitsOfPlainBuilds = {
    Exploit{"opens a file", [] { return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC); }},
    Exploit{"starts a process", [] { return static_cast<int>(::syscall(SYS_clone, SIGCHLD)); }},
    Exploit{"traces its parent",
            [] { return static_cast<int>(::ptrace(PTRACE_ATTACH, kNobody, 0, 0)); }},
    Exploit{"kills its parent",
            [] { return static_cast<int>(::syscall(SYS_kill, kNobody, SIGKILL)); }},
    Exploit{"writes to standard error", [] { return static_cast<int>(::write(2, "", 0)); }},
    Exploit{"makes its data code", [] { return ::mprotect(nullptr, 4096, PROT_READ | PROT_EXEC); }},
};

void expect_stopped(const Exploit& exploit) {
  auto child = start([&](std::uint8_t, std::string_view) -> Result<std::string> {
    exploit.attempt();
    return std::string("survived");
  });

  const auto record = parse(child, 1, "x");

  ASSERT_FALSE(record) << exploit.name;
  EXPECT_EQ(record.error().id(), ErrorId::StateLimit) << exploit.name;
  EXPECT_THAT(record.error().message(), HasSubstr("a system call that parsing does not need"))
      << exploit.name;
}

TEST(ParserChild, IsStoppedWhenItDoesAnythingButParse) {
  for (const auto& exploit : kExploits) expect_stopped(exploit);
  if (kInstrumented) return;
  for (const auto& exploit : kExploitsOfPlainBuilds) expect_stopped(exploit);
}

TEST(ParserChild, IsReapedWithItsObject) {
  {
    const auto child = start(echo);
  }

  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(ParserChild, AnswersNothingAfterItWasDismissed) {
  auto child = start(echo);
  child.dismiss();

  EXPECT_FALSE(parse(child, 1, "x"));
}

}  // namespace
}  // namespace nvhook::sandbox
