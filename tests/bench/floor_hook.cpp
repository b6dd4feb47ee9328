// SPDX-License-Identifier: Apache-2.0
// floor_hook STEPS ROOTFS
//
// The yardstick for nvhook: the same end state by hard-coded system calls. It discovers nothing,
// parses no JSON, checks nothing but what the system calls return, and undoes nothing. The file
// STEPS was written beforehand from nvhook's own plan, one step a line, no blanks inside a field:
//
//   mkdir PATH                  PATH below ROOTFS, like all that follow but each SOURCE
//   bind SOURCE PATH OPTIONS    OPTIONS: ro nosuid nodev noexec, joined by commas
//   link PATH TEXT
//   file SOURCE PATH            the bytes of SOURCE, in the place of what is at PATH
//   device MAJOR MINOR          a line for the cgroup's devices.allow (cgroup v1)
//
// Only the pid is taken from the OCI state on standard input. ROOTFS is looked up inside the
// container's mount namespace, before its runtime has pivoted into it.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

constexpr std::size_t kMaxText = 65536;
constexpr std::size_t kMaxSteps = 256;
constexpr std::size_t kMaxDirectories = 32;

constexpr std::size_t kMaxFile = std::size_t{1} << 20U;

using Text = std::array<char, kMaxText>;

struct Step {
  std::string_view verb;
  std::array<const char*, 3> words = {};
  int tree = -1;  // of a bind: the source, captured as a detached mount; of a file: open for reading
};

struct Directory {
  std::string_view path;
  int fd = -1;
};

Text steps_text;
Text state_text;
Text cgroup_text;
std::array<char, kMaxFile> file_bytes;
std::array<Step, kMaxSteps> steps;
std::size_t step_count = 0;
std::array<Directory, kMaxDirectories> directories;
std::size_t directory_count = 0;

// `result` of a system call, unless it failed.
template <class T>
T checked(T result, const char* what) {
  if (result >= 0) return result;
  std::fprintf(stderr, "floor_hook: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

[[noreturn]] void reject(const char* what) {
  std::fprintf(stderr, "floor_hook: %s\n", what);
  std::exit(1);
}

// All that `fd` gives; the text ends with a NUL.
std::string_view read_all(int fd, Text& text) {
  std::size_t size = 0;
  ssize_t count = 0;
  while ((count = checked(read(fd, text.data() + size, text.size() - 1 - size), "read")) > 0)
    size += static_cast<std::size_t>(count);
  if (size == text.size() - 1) reject("a text is too long");
  text[size] = '\0';
  return {text.data(), size};
}

std::string_view read_file(const char* path, Text& text) {
  const int fd = checked(open(path, O_RDONLY | O_CLOEXEC), path);
  const auto whole = read_all(fd, text);
  close(fd);
  return whole;
}

// Cuts the text of STEPS into words, in place.
void cut_into_steps(Text& text) {
  char* rest_of_text = nullptr;
  for (char* line = strtok_r(text.data(), "\n", &rest_of_text); line != nullptr;
       line = strtok_r(nullptr, "\n", &rest_of_text)) {
    if (step_count == steps.size()) reject("too many steps");
    auto& step = steps[step_count++];
    char* rest_of_line = nullptr;
    step.verb = strtok_r(line, " ", &rest_of_line);
    for (auto& word : step.words) word = strtok_r(nullptr, " ", &rest_of_line);
  }
}

pid_t pid_of(std::string_view state) {
  constexpr std::string_view kKey = "\"pid\":";
  const auto at = state.find(kKey);
  if (at == state.npos) reject("no pid on standard input");
  return static_cast<pid_t>(std::strtol(state.data() + at + kKey.size(), nullptr, 10));
}

std::uint64_t attributes(std::string_view options) {
  std::uint64_t set = 0;
  if (options.starts_with("ro")) set |= MOUNT_ATTR_RDONLY;
  if (options.contains("nosuid")) set |= MOUNT_ATTR_NOSUID;
  if (options.contains("nodev")) set |= MOUNT_ATTR_NODEV;
  if (options.contains("noexec")) set |= MOUNT_ATTR_NOEXEC;
  return set;
}

int captured(const Step& bind) {
  const auto [source, path, options] = bind.words;
  const int file = checked(open(source, O_PATH | O_NOFOLLOW | O_CLOEXEC), source);
  const int tree =
      checked(open_tree(file, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), source);
  close(file);
  mount_attr attr = {};
  attr.attr_set = attributes(options);
  attr.propagation = MS_PRIVATE;
  checked(mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr), source);
  return tree;
}

// The devices.allow of the container's cgroup, where runc on cgroup v1 has it.
int open_devices_allow(pid_t pid) {
  std::array<char, 64> name = {};
  std::snprintf(name.data(), name.size(), "/proc/%d/cgroup", pid);
  const auto cgroups = read_file(name.data(), cgroup_text);
  constexpr std::string_view kController = ":devices:";
  const auto at = cgroups.find(kController);
  if (at == cgroups.npos) reject("no devices controller of cgroup v1");
  const auto from = at + kController.size();
  const auto length = cgroups.find('\n', from) - from;
  std::array<char, 4096> path = {};
  std::snprintf(path.data(), path.size(), "/sys/fs/cgroup/devices%.*s/devices.allow",
                static_cast<int>(length), cgroups.data() + from);
  return checked(open(path.data(), O_WRONLY | O_CLOEXEC), path.data());
}

int open_in_root(int root, const char* path, std::uint64_t flags) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(checked(syscall(SYS_openat2, root, path, &how, sizeof how), path));
}

// The name in `path`, and its directory, which is looked up once for all the files in it.
struct Place {
  int directory;
  const char* name;
};
Place place_of(int root, const char* path) {
  const char* slash = std::strrchr(path, '/');
  const auto length = static_cast<std::size_t>(slash - path);
  const std::string_view parent(path, length);
  for (std::size_t i = directory_count; i > 0; --i)
    if (directories[i - 1].path == parent) return {directories[i - 1].fd, slash + 1};
  if (directory_count == directories.size()) reject("too many directories");
  std::array<char, 4096> text = {'/'};
  std::memcpy(text.data(), path, length);
  const int fd = open_in_root(root, text.data(), O_PATH | O_DIRECTORY);
  directories[directory_count++] = {parent, fd};
  return {fd, slash + 1};
}

void place(int root, const Step& step) {
  if (step.verb == "bind") {
    const auto [directory, name] = place_of(root, step.words[1]);
    checked(mknodat(directory, name, S_IFREG | 0644, 0), step.words[1]);
    const int target =
        checked(openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), step.words[1]);
    checked(
        move_mount(step.tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
        step.words[1]);
    close(target);
  } else if (step.verb == "link") {
    const auto [directory, name] = place_of(root, step.words[0]);
    checked(symlinkat(step.words[1], directory, name), step.words[0]);
  } else if (step.verb == "file") {
    const auto [directory, name] = place_of(root, step.words[1]);
    const auto size = checked(read(step.tree, file_bytes.data(), file_bytes.size()), "read");
    constexpr auto kBeside = ".floor";
    const int file = checked(
        openat(directory, kBeside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), step.words[1]);
    checked(write(file, file_bytes.data(), static_cast<std::size_t>(size)), "write");
    close(file);
    checked(renameat(directory, kBeside, directory, name), step.words[1]);
  } else if (step.verb == "mkdir") {
    const auto [directory, name] = place_of(root, step.words[0]);
    checked(mkdirat(directory, name, 0755), step.words[0]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) reject("usage: floor_hook STEPS ROOTFS");
  read_file(argv[1], steps_text);
  cut_into_steps(steps_text);
  const auto pid = pid_of(read_all(STDIN_FILENO, state_text));
  // Not glibc 2.36's pidfd_open(): its <sys/pidfd.h> declares no C linkage.
  const int process = static_cast<int>(checked(syscall(SYS_pidfd_open, pid, 0), "pidfd_open"));
  const int allow = open_devices_allow(pid);
  umask(0);

  for (std::size_t i = 0; i < step_count; ++i)
    if (steps[i].verb == "bind")
      steps[i].tree = captured(steps[i]);
    else if (steps[i].verb == "file")
      steps[i].tree = checked(open(steps[i].words[0], O_RDONLY | O_CLOEXEC), steps[i].words[0]);

  checked(setns(process, CLONE_NEWNS), "setns");
  const int root = checked(open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC), argv[2]);
  for (std::size_t i = 0; i < step_count; ++i) place(root, steps[i]);

  for (std::size_t i = 0; i < step_count; ++i) {
    if (steps[i].verb != "device") continue;
    std::array<char, 64> rule = {};
    const int length =
        std::snprintf(rule.data(), rule.size(), "c %s:%s rw", steps[i].words[0], steps[i].words[1]);
    checked(write(allow, rule.data(), static_cast<std::size_t>(length)), "devices.allow");
  }
  return 0;
}
