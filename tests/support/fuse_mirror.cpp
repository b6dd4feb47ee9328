// SPDX-License-Identifier: Apache-2.0
#include "support/fuse_mirror.hpp"

#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

// Larger than any request: FUSE_MIN_READ_BUFFER, and what max_write allows.
constexpr std::size_t kBuffer = 200'000;
constexpr std::uint32_t kMaxWrite = 65536;

// Source: include/uapi/linux/fuse.h; a request is a header, a fixed part and names, each ended by
// NUL.
class Server {
 public:
  Server(int device, fs::path tree, FuseMirror::Silent silent)
      : device_(device), silent_(std::move(silent)) {
    paths_[FUSE_ROOT_ID] = std::move(tree);
  }

  [[noreturn]] void serve() {
    std::vector<char> buffer(kBuffer);
    for (;;) {
      const auto size = ::read(device_, buffer.data(), buffer.size());
      if (size < 0 && errno == ENODEV) ::_exit(0);  // unmounted
      if (size < static_cast<ssize_t>(sizeof header_)) continue;
      std::memcpy(&header_, buffer.data(), sizeof header_);
      rest_ = {buffer.data() + sizeof header_, static_cast<std::size_t>(size) - sizeof header_};
      answer();
    }
  }

 private:
  template <class Fixed>
  Fixed take() {
    Fixed fixed{};
    std::memcpy(&fixed, rest_.data(), std::min(sizeof fixed, rest_.size()));
    rest_.remove_prefix(std::min(sizeof fixed, rest_.size()));
    return fixed;
  }
  std::string take_name() {
    const std::string name(rest_.substr(0, rest_.find('\0')));
    rest_.remove_prefix(std::min(name.size() + 1, rest_.size()));
    return name;
  }

  void reply(int error, const void* data = nullptr, std::size_t size = 0) {
    fuse_out_header out{.len = static_cast<std::uint32_t>(sizeof(fuse_out_header) + size),
                        .error = -error,
                        .unique = header_.unique};
    const std::array<iovec, 2> parts = {
        iovec{.iov_base = &out, .iov_len = sizeof out},
        iovec{.iov_base = const_cast<void*>(data), .iov_len = size}};
    [[maybe_unused]] const auto written =
        ::writev(device_, parts.data(), size == 0 ? 1 : static_cast<int>(parts.size()));
  }
  void reply_done(int result) { reply(result == 0 ? 0 : errno); }

  static fuse_attr attributes(const struct stat& status) {
    fuse_attr attr{};
    attr.ino = status.st_ino;
    attr.size = static_cast<std::uint64_t>(status.st_size);
    attr.mode = status.st_mode;
    attr.nlink = static_cast<std::uint32_t>(status.st_nlink);
    attr.uid = status.st_uid;
    attr.gid = status.st_gid;
    attr.rdev = static_cast<std::uint32_t>(status.st_rdev);
    attr.blksize = 4096;
    return attr;
  }

  std::uint64_t node_of(const fs::path& path) {
    for (const auto& [node, known] : paths_)
      if (known == path) return node;
    paths_[++last_node_] = path;
    return last_node_;
  }

  void reply_entry(const fs::path& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return reply(errno);
    fuse_entry_out entry{};
    entry.nodeid = node_of(path);
    entry.attr = attributes(status);
    reply(0, &entry, sizeof entry);
  }

  void look_up() {
    const auto name = take_name();
    if (!silent_(name)) reply_entry(here() / name);
  }

  void rename(const fs::path& directory, unsigned flags) {
    const auto from = here() / take_name();
    const auto to = directory / take_name();
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) != 0) return reply(errno);
    const auto one = node_of(from);
    const auto other = node_of(to);
    paths_[one] = to;
    if ((flags & RENAME_EXCHANGE) != 0)
      paths_[other] = from;
    else
      paths_.erase(other);
    reply(0);
  }

  void read_file() {
    const auto request = take<fuse_read_in>();
    std::vector<char> bytes(request.size);
    const UniqueFd fd(::open(here().c_str(), O_RDONLY | O_CLOEXEC));
    const auto size =
        ::pread(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(request.offset));
    if (size < 0) return reply(errno);
    reply(0, bytes.data(), static_cast<std::size_t>(size));
  }

  void write_file() {
    const auto request = take<fuse_write_in>();
    const UniqueFd fd(::open(here().c_str(), O_WRONLY | O_CLOEXEC));
    const auto size =
        ::pwrite(fd.get(), rest_.data(), request.size, static_cast<off_t>(request.offset));
    if (size < 0) return reply(errno);
    const fuse_write_out out{.size = static_cast<std::uint32_t>(size), .padding = 0};
    reply(0, &out, sizeof out);
  }

  void answer() {
    switch (header_.opcode) {
      case FUSE_INIT: {
        fuse_init_out init{};
        init.major = FUSE_KERNEL_VERSION;
        init.minor = 31;
        init.max_write = kMaxWrite;
        return reply(0, &init, sizeof init);
      }
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:
        return;  // wants no answer
      case FUSE_LOOKUP:
        return look_up();
      case FUSE_GETATTR: {
        struct stat status{};
        if (::lstat(here().c_str(), &status) != 0) return reply(errno);
        fuse_attr_out out{};
        out.attr = attributes(status);
        return reply(0, &out, sizeof out);
      }
      case FUSE_READLINK: {
        std::array<char, 4096> text{};
        const auto size = ::readlink(here().c_str(), text.data(), text.size());
        return size < 0 ? reply(errno) : reply(0, text.data(), static_cast<std::size_t>(size));
      }
      case FUSE_MKNOD: {
        const auto request = take<fuse_mknod_in>();
        const auto path = here() / take_name();
        return ::mknod(path.c_str(), request.mode, request.rdev) == 0 ? reply_entry(path)
                                                                      : reply(errno);
      }
      case FUSE_MKDIR: {
        const auto request = take<fuse_mkdir_in>();
        const auto path = here() / take_name();
        return ::mkdir(path.c_str(), request.mode) == 0 ? reply_entry(path) : reply(errno);
      }
      case FUSE_SYMLINK: {
        const auto path = here() / take_name();
        const auto text = take_name();
        return ::symlink(text.c_str(), path.c_str()) == 0 ? reply_entry(path) : reply(errno);
      }
      case FUSE_UNLINK:
        return reply_done(::unlink((here() / take_name()).c_str()));
      case FUSE_RMDIR:
        return reply_done(::rmdir((here() / take_name()).c_str()));
      case FUSE_RENAME: {
        const auto request = take<fuse_rename_in>();
        return rename(paths_[request.newdir], 0);
      }
      case FUSE_RENAME2: {
        const auto request = take<fuse_rename2_in>();
        return rename(paths_[request.newdir], request.flags);
      }
      case FUSE_OPEN: {
        const fuse_open_out out{};
        return reply(0, &out, sizeof out);
      }
      case FUSE_READ:
        return read_file();
      case FUSE_WRITE:
        return write_file();
      case FUSE_FLUSH:
      case FUSE_RELEASE:
        return reply(0);
      default:
        return reply(ENOSYS);
    }
  }

  const fs::path& here() { return paths_[header_.nodeid]; }

  int device_;
  FuseMirror::Silent silent_;
  std::map<std::uint64_t, fs::path> paths_;
  std::uint64_t last_node_ = FUSE_ROOT_ID;
  fuse_in_header header_{};
  std::string_view rest_;
};

}  // namespace

FuseMirror::FuseMirror(const fs::path& tree, fs::path point, const Silent& silent)
    : point_(std::move(point)) {
  const UniqueFd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  const auto options = "fd=" + std::to_string(device.get()) +
                       ",rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other";
  if (!device || ::mount("mirror", point_.c_str(), "fuse.mirror", 0, options.c_str()) != 0) {
    std::perror("fuse");
    std::abort();
  }
  server_ = ::fork();
  if (server_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::umask(0);
    Server(device.get(), tree, silent).serve();
  }
}

FuseMirror::~FuseMirror() {
  ::kill(server_, SIGKILL);
  while (::waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::umount2(point_.c_str(), MNT_DETACH);
}

}  // namespace nvhook::test
