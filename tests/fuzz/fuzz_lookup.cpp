// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "files/walk.hpp"
#include "nvhook/files/open.hpp"

namespace {

using nvhook::Result;
using nvhook::UniqueFd;
using nvhook::files::Lookup;

constexpr std::array kLookups = {Lookup::InRoot, Lookup::InRootSameMount, Lookup::Beneath,
                                 Lookup::Plain, Lookup::SameMount};
constexpr std::array kFlags = {O_PATH, O_PATH | O_NOFOLLOW, O_PATH | O_DIRECTORY, O_RDONLY};

void must(int result) {
  if (result == 0) return;
  std::perror("the tree to look things up in");
  std::exit(1);
}

// A tree with a link for everything that links can do, made once and removed at the end.
class Tree {
 public:
  Tree() {
    if (::mkdtemp(path_.data()) == nullptr) must(-1);
    fd_ = UniqueFd(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    must(::mkdirat(fd_.get(), "d", 0755));
    must(::mkdirat(fd_.get(), "d/e", 0755));
    must(::mknodat(fd_.get(), "f", S_IFREG | 0644, 0));
    must(::mknodat(fd_.get(), "d/f", S_IFREG | 0644, 0));
    for (const auto& [name, target] : kLinks) must(::symlinkat(target, fd_.get(), name));
  }
  ~Tree() {
    for (const auto& [name, target] : kLinks) ::unlinkat(fd_.get(), name, 0);
    for (const auto* name : {"d/f", "f"}) ::unlinkat(fd_.get(), name, 0);
    for (const auto* name : {"d/e", "d"}) ::unlinkat(fd_.get(), name, AT_REMOVEDIR);
    ::rmdir(path_.c_str());
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  struct Link {
    const char* name;
    const char* target;
  };
  static constexpr std::array kLinks = {
      Link{"a", "/d"},    Link{"u", "../../d/e/"}, Link{"l", "l"},         Link{"g", "gone"},
      Link{"r", "/"},     Link{"s", "."},          Link{"x", "f"},         Link{"d/u", ".."},
      Link{"d/a", "/f/"}, Link{"d/s", "./e/../"},  Link{"d/e/a", "/r/./a"}};
  std::string path_ = "/tmp/nvhook-fuzz-XXXXXX";
  UniqueFd fd_;
};

// The error, or which file it is.
std::string verdict(const Result<UniqueFd>& fd) {
  if (!fd) return fd.error().code().message();
  struct stat status {};
  must(::fstat(fd->get(), &status));
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace

// The walk of older kernels finds what openat2 finds, whatever the path. The first byte chooses the
// kind of lookup and the flags.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Tree tree;
  if (size == 0) return 0;
  const auto lookup = kLookups[data[0] % kLookups.size()];
  const auto flags = kFlags[data[0] / kLookups.size() % kFlags.size()];
  std::string path(reinterpret_cast<const char*>(data + 1), size - 1);
  path = path.c_str();  // the kernel's end at a zero

  std::string kernels;
  std::string walks;
  // The kernel may be too busy for an answer once or twice (EAGAIN), or count links of an attempt
  // that it has given up (linux/fs/namei.c, total_link_count).
  for (int tries = 0; tries < 100; ++tries) {
    kernels = verdict(nvhook::files::open_at(tree.fd(), path, flags, lookup));
    walks = verdict(nvhook::files::walk(tree.fd(), path, flags, lookup));
    if (kernels == walks) return 0;
  }
  std::fprintf(stderr, "openat2: %s, walk: %s\n", kernels.c_str(), walks.c_str());
  std::abort();
}
