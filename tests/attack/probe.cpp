// SPDX-License-Identifier: Apache-2.0
// probe PATH...
//
// Runs as the first program of a container and writes as JSON what it can do to each path: the
// flags of its mount, how opening it ends, and whether the flags can be taken away. Static, so that
// an image needs nothing for it. `probe --euid` writes the effective user; run from a path that is
// set-user-id it tells whether that is honoured.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr uid_t kSomeUser = 1000;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    std::array<char, 8> escaped{};
    if (c >= ' ' && c <= '~' && c != '"' && c != '\\')
      out += c;
    else
      out.append(escaped.data(), static_cast<std::size_t>(std::snprintf(
                                     escaped.data(), escaped.size(), "\\u%04x",
                                     static_cast<unsigned>(static_cast<unsigned char>(c)))));
  }
  return out + '"';
}

// "ok", or the name of the error.
std::string outcome(bool ok) { return ok ? "ok" : strerrorname_np(errno); }

std::string opened(const char* path, int flags) {
  const int fd = ::open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  const auto result = outcome(fd >= 0);
  if (fd >= 0) ::close(fd);
  return result;
}

std::string flags_of(const char* path) {
  struct statvfs facts{};
  if (::statvfs(path, &facts) != 0) return "[]";
  std::string flags;
  const auto add = [&](unsigned long bit, const char* name) {
    if ((facts.f_flag & bit) != 0) flags += (flags.empty() ? "" : ", ") + quoted(name);
  };
  add(ST_RDONLY, "ro");
  add(ST_NOSUID, "nosuid");
  add(ST_NODEV, "nodev");
  add(ST_NOEXEC, "noexec");
  return "[" + flags + "]";
}

std::string clear_attributes(const char* path) {
  mount_attr change{};
  change.attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  return outcome(::mount_setattr(AT_FDCWD, path, 0, &change, sizeof change) == 0);
}

std::string remount_writable(const char* path) {
  return outcome(::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0);
}

// Who a plain user becomes by executing `path`; null if it is not set-user-id.
std::string user_by_executing(const char* path) {
  struct stat status{};
  if (::stat(path, &status) != 0 || (status.st_mode & S_ISUID) == 0) return "null";
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return "null";
  if (::fork() == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    if (::setgid(kSomeUser) == 0 && ::setuid(kSomeUser) == 0)
      ::execl(path, path, "--euid", nullptr);
    ::_exit(1);
  }
  ::close(ends[1]);
  std::array<char, 32> text{};
  const auto size = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  ::wait(nullptr);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "null";
}

// First all that looks, then what changes: order in the output, too.
std::string report(const char* path) {
  std::string text = "{\"path\": " + quoted(path);
  const auto add = [&](const char* key, const std::string& value) {
    text += ", \"" + std::string(key) + "\": " + value;
  };
  add("flags", flags_of(path));
  add("read", quoted(opened(path, O_RDONLY)));
  add("write", quoted(opened(path, O_RDWR)));
  add("executed_as", user_by_executing(path));
  add("clear", quoted(clear_attributes(path)));
  add("remount", quoted(remount_writable(path)));
  add("flags_after", flags_of(path));
  add("write_after", quoted(opened(path, O_RDWR)));
  return text + "}";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--euid") == 0) {
    std::printf("%u", ::geteuid());
    return 0;
  }
  std::string text = "{\"user\": " + std::to_string(::geteuid()) + ", \"paths\": [";
  for (int i = 1; i < argc; ++i) text += (i > 1 ? ",\n" : "\n") + report(argv[i]);
  text += "]}\n";
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
