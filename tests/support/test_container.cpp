// SPDX-License-Identifier: Apache-2.0
#include "support/test_container.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "support/device_evaluator.hpp"
#include "support/device_programs.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

constexpr auto kDevices = "/sys/fs/cgroup/devices";
constexpr auto kV2 = "/sys/fs/cgroup";
constexpr std::array kRuncRules = {"c *:* m",   "b *:* m",     "c 1:3 rwm",
                                   "c 1:5 rwm", "c 1:7 rwm",   "c 1:8 rwm",
                                   "c 1:9 rwm", "c 136:* rwm", "c 5:0 rwm"};

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_text(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out << text << std::flush;
  if (!out) {
    std::perror(path.c_str());
    std::abort();  // the machine was said to be able to
  }
}

void must(int result, const char* what) {
  if (result == 0) return;
  std::perror(what);
  ::_exit(1);
}

unsigned long flags_of(TestContainer::Propagation propagation) {
  switch (propagation) {
    case TestContainer::Propagation::Private:
      return MS_PRIVATE;
    case TestContainer::Propagation::Slave:
      return MS_SLAVE;
    case TestContainer::Propagation::Shared:
      return MS_SHARED;
  }
  std::abort();  // every enumerator is handled above
}

void set_up_mounts(const fs::path& rootfs, const TestContainer::Options& options) {
  must(::mount(nullptr, "/", nullptr, MS_REC | flags_of(options.propagation), nullptr),
       "propagation");
  must(::mount(rootfs.c_str(), rootfs.c_str(), nullptr, MS_BIND | MS_REC, nullptr), "bind root");
  if (options.proc == TestContainer::Proc::Procfs)
    must(::mount("proc", (rootfs / "proc").c_str(), "proc", 0, nullptr), "mount proc");
  if (options.dev == TestContainer::Dev::Tmpfs)
    must(::mount("tmpfs", (rootfs / "dev").c_str(), "tmpfs", MS_NOSUID, "mode=755"), "mount dev");
  for (const auto& [from, to] : options.volumes) {
    const auto at = rootfs / fs::path(to).relative_path();
    must(::mount(from.c_str(), at.c_str(), nullptr, MS_BIND, nullptr), "mount volume");
  }
  if (options.further) must(options.further(rootfs), "further set-up");
  if (options.root_flags != 0)
    must(::mount(nullptr, rootfs.c_str(), nullptr, MS_BIND | MS_REMOUNT | options.root_flags,
                 nullptr),
         "flags of the root");
}

// A child of this process in new namespaces; 0 in the child, as of fork(2).
pid_t fork_into(const TestContainer::Options& options) {
  unsigned long flags = SIGCHLD | CLONE_NEWNS;
  if (options.user_namespace) flags |= CLONE_NEWUSER | CLONE_NEWPID;
  if (options.pid_namespace) flags |= CLONE_NEWPID;
  return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
}

std::string lines_of(const std::vector<TestContainer::IdRange>& ranges) {
  std::ostringstream text;
  for (const auto& range : ranges)
    text << range.inside << ' ' << range.outside << ' ' << range.count << '\n';
  return text.str();
}

void map_ids(pid_t pid, const TestContainer::UserNamespace& ids) {
  const auto process = fs::path("/proc") / std::to_string(pid);
  if (!ids.users.empty()) write_text(process / "uid_map", lines_of(ids.users));
  if (!ids.groups.empty()) write_text(process / "gid_map", lines_of(ids.groups));
}

bool has_root(const std::vector<TestContainer::IdRange>& ranges) {
  return std::ranges::any_of(ranges, [](const auto& range) { return range.inside == 0; });
}

// Where the maps have no 0 the process stays nobody, with all capabilities of its namespace.
void become_root_of(const TestContainer::UserNamespace& ids) {
  if (has_root(ids.groups)) must(::setresgid(0, 0, 0), "setresgid");
  if (has_root(ids.users)) must(::setresuid(0, 0, 0), "setresuid");
}

constexpr std::size_t kMaxCommand = 65536;

// Waits for the command of start(), or for the end of whoever would send it.
std::string receive_command(int control) {
  std::string command(kMaxCommand, '\0');
  const auto size = ::recv(control, command.data(), command.size(), 0);
  if (size <= 0) ::_exit(0);
  command.resize(static_cast<std::size_t>(size));
  return command;
}

void make_root_our_own(const fs::path& rootfs) {
  must(::chdir(rootfs.c_str()), "chdir to root");
  must(static_cast<int>(::syscall(SYS_pivot_root, ".", ".")), "pivot_root");
  must(::umount2(".", MNT_DETACH), "umount old root");
  must(::chdir("/"), "chdir /");
}

// `command` is the words, each ended by NUL.
[[noreturn]] void run_in_root(const fs::path& rootfs, std::string command, int control) {
  std::vector<char*> words;
  for (std::size_t at = 0; at < command.size(); at = command.find('\0', at) + 1)
    words.push_back(command.data() + at);
  words.push_back(nullptr);
  const int program = ::open(words[0], O_PATH | O_CLOEXEC);
  make_root_our_own(rootfs);
  ::dup2(control, STDOUT_FILENO);
  char* const no_environment[] = {nullptr};
  ::syscall(SYS_execveat, program, "", words.data(), no_environment, AT_EMPTY_PATH);
  must(-1, "execveat");
  ::_exit(1);
}

fs::path make_cgroup(const TestContainer::Options& options) {
  auto name = std::string(options.v2 ? kV2 : kDevices) + "/" + options.cgroup_name + "XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();  // the machine was said to be able to
  if (options.v2) {
    for (const auto& program : options.v2->programs)
      if (attach_device_program(name, load_device_program(program).get(), options.v2->flags) != 0)
        std::abort();
    return name;
  }
  write_text(fs::path(name) / "devices.deny", "a");
  for (const auto* rule : kRuncRules) write_text(fs::path(name) / "devices.allow", rule);
  return name;
}

// Procfs and sysfs: what they show changes by itself, and there is much of it.
bool is_of_the_kernel(const fs::path& path) {
  struct stat status{};
  struct statfs system{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         ::statfs(path.c_str(), &system) == 0 &&
         (system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC);
}

std::string describe(const fs::directory_entry& entry) {
  struct stat status{};
  ::lstat(entry.path().c_str(), &status);
  std::ostringstream line;
  line << entry.path().string() << ' ' << std::oct << status.st_mode << std::dec << ' '
       << status.st_uid << ' ' << status.st_rdev << ' ' << status.st_size;
  if (S_ISLNK(status.st_mode)) line << " -> " << fs::read_symlink(entry.path()).string();
  return line.str();
}

}  // namespace

std::string TestContainer::unavailable() {
  if (::geteuid() != 0) return "needs root";
  if (::access((std::string(kDevices) + "/devices.allow").c_str(), F_OK) != 0 &&
      ::access((std::string(kDevices) + "/cgroup.procs").c_str(), W_OK) != 0)
    return "needs the cgroup v1 devices controller at " + std::string(kDevices);
  return {};
}

TestContainer::TestContainer(const fs::path& rootfs) : TestContainer(rootfs, Options{}) {}

TestContainer::TestContainer(const fs::path& rootfs, const Options& options)
    : rootfs_(fs::canonical(rootfs)), cgroup_(make_cgroup(options)), on_v2_(options.v2) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  control_ = UniqueFd(ends[0]);
  UniqueFd other(ends[1]);
  // The v1 file of single threads: for the caller itself the kernel need not stop the world.
  const auto* const tasks_file = on_v2_ ? "cgroup.procs" : "tasks";
  const UniqueFd tasks(::open((cgroup_ / tasks_file).c_str(), O_WRONLY | O_CLOEXEC));
  pid_ = fork_into(options);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    control_ = UniqueFd();
    char mapped = 0;
    if (::recv(other.get(), &mapped, 1, 0) != 1) ::_exit(1);
    must(::write(tasks.get(), "0", 1) == 1 ? 0 : -1, "enter cgroup");
    if (options.user_namespace) become_root_of(*options.user_namespace);
    set_up_mounts(rootfs_, options);
    must(::prctl(PR_SET_DUMPABLE, 0), "prctl");  // as runc's init is
    if (::send(other.get(), "x", 1, 0) != 1) ::_exit(1);
    run_in_root(rootfs_, receive_command(other.get()), other.get());
  }
  other = UniqueFd();
  if (options.user_namespace) map_ids(pid_, *options.user_namespace);
  char up = 0;
  if (::send(control_.get(), "x", 1, 0) != 1 || ::recv(control_.get(), &up, 1, 0) != 1)
    std::abort();  // it has said why
}

TestContainer::~TestContainer() {
  if (pid_ != -1) end_process();
  ::rmdir(cgroup_.c_str());
}

void TestContainer::end_process() {
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

std::string TestContainer::start(const std::vector<std::string>& command) {
  std::string words;
  for (const auto& word : command) words += word + '\0';
  if (::send(control_.get(), words.data(), words.size(), 0) < 0) return {};
  std::string said;
  std::array<char, 65536> packet{};
  for (;;) {
    const auto size = ::recv(control_.get(), packet.data(), packet.size(), 0);
    if (size <= 0) break;
    said.append(packet.data(), static_cast<std::size_t>(size));
  }
  end_process();
  return said;
}

std::string TestContainer::state(const fs::path& bundle) const {
  return R"({"ociVersion":"1.0.2-dev","id":"test","status":"creating","pid":)" +
         std::to_string(pid_) + R"(,"bundle":")" + bundle.string() + R"("})";
}

fs::path TestContainer::inside(std::string_view path) const {
  const auto root = fs::path("/proc") / std::to_string(pid_) / "root" / rootfs_.relative_path();
  return root / fs::path(path).relative_path();
}

std::string TestContainer::mountinfo() const {
  return read_text("/proc/" + std::to_string(pid_) + "/mountinfo");
}

std::string TestContainer::device_rules() const {
  return on_v2_ ? text_of_device_programs(cgroup_) : read_text(cgroup_ / "devices.list");
}

bool TestContainer::may_use(unsigned major, unsigned minor) const {
  const auto rules = device_rules();
  if (!on_v2_)
    return rules.contains("c " + std::to_string(major) + ":" + std::to_string(minor) + " rw\n");
  const Question question{BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE, major,
                          minor};
  return std::ranges::all_of(device_programs_in(rules), [&](const auto& program) {
    return allows(program, question) == true;
  });
}

std::vector<std::string> TestContainer::snapshot() const {
  std::vector<std::string> lines;
  std::istringstream text(mountinfo() + device_rules());
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  for (auto entry = fs::recursive_directory_iterator(inside("/"));
       entry != fs::recursive_directory_iterator(); ++entry) {
    if (is_of_the_kernel(entry->path())) {
      entry.disable_recursion_pending();
      continue;
    }
    lines.push_back(describe(*entry));
  }
  std::ranges::sort(lines);
  return lines;
}

std::string TestContainer::changes_since(const std::vector<std::string>& before) const {
  const auto after = snapshot();
  std::vector<std::string> gone;
  std::vector<std::string> made;
  std::ranges::set_difference(before, after, std::back_inserter(gone));
  std::ranges::set_difference(after, before, std::back_inserter(made));
  std::string text;
  for (const auto& line : gone) text += "- " + line + "\n";
  for (const auto& line : made) text += "+ " + line + "\n";
  return text;
}

}  // namespace nvhook::test
