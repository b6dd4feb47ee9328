// SPDX-License-Identifier: Apache-2.0
#include "attack/racer.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <string_view>

#include "nvhook/base/unique_fd.hpp"

namespace nvhook::test {
namespace {

constexpr int kSpins = 2000;  // before one sleeps

void nap() {
  constexpr timespec kShort{.tv_sec = 0, .tv_nsec = 20'000};
  ::nanosleep(&kShort, nullptr);
}

// The names and how far the swapping has come.
class Swapper {
 public:
  explicit Swapper(const RacerJob& job) : job_(job) {
    if (job.swap == Swap::Resize) read_bytes();
    if (job.swap != Swap::TakeTemporary) return;
    const std::filesystem::path prefix = job.one;
    directory_.reset(::opendir(prefix.parent_path().c_str()));
    hidden_ = prefix.filename();
    decoy_text_ = std::filesystem::read_symlink(job.other);
  }

  void expect(pid_t pid) { expected_ = job_.one + std::to_string(pid); }

  // One change; false if it was not possible just now.
  bool step() {
    switch (job_.swap) {
      case Swap::Exchange:
        return turn(exchange(one(), other()));
      case Swap::MoveAway:
        return turn(away_ ? ::rename(other(), one()) == 0 : ::rename(one(), other()) == 0);
      case Swap::Remake:
        // Somebody else may have been faster, which is the point: on to the other half.
        away_ = !away_;
        return away_ ? ::unlink(one()) == 0 : ::mknod(one(), S_IFREG | 0644, 0) == 0;
      case Swap::Unlink:
        if (::unlink(one()) != 0) return false;
        if (::faccessat(AT_FDCWD, other(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) ++unlinked_before_;
        return true;
      case Swap::Resize:
        return resize();
      case Swap::TakeTemporary:
        return take_temporary();
    }
    std::abort();  // every enumerator is handled above
  }

  [[nodiscard]] std::uint64_t unlinked_before() const { return unlinked_before_; }

  // False while something stands in the way.
  bool put_back() {
    if (job_.swap == Swap::TakeTemporary) make_decoy();
    if (job_.swap == Swap::Resize) return write_bytes();
    if (job_.swap != Swap::Exchange && job_.swap != Swap::MoveAway) return true;
    return !away_ || step();
  }

 private:
  struct Close {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };

  [[nodiscard]] const char* one() const { return job_.one.c_str(); }
  [[nodiscard]] const char* other() const { return job_.other.c_str(); }

  static bool exchange(const char* one, const char* other) {
    return ::renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0;
  }

  bool turn(bool done) {
    if (done) away_ = !away_;
    return done;
  }

  void read_bytes() {
    std::ifstream in(job_.one, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
  }

  // Whatever file has the name just now: a new one may have come in its place.
  [[nodiscard]] bool write_bytes() const {
    const UniqueFd file(::open(one(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC));
    return file &&
           ::write(file.get(), bytes_.data(), bytes_.size()) == static_cast<ssize_t>(bytes_.size());
  }

  bool resize() {
    constexpr off_t kSmall = off_t{1} << 20U;
    constexpr off_t kLarge = off_t{1} << 33U;  // larger than is read
    switch (turns_++ % 4) {
      case 0:
        return ::truncate(one(), 0) == 0;
      case 1:
        return ::truncate(one(), kSmall) == 0;
      case 2:
        return ::truncate(one(), kLarge) == 0;
      default:
        return write_bytes();
    }
  }

  void make_decoy() const {
    ::unlink(other());
    if (::symlink(decoy_text_.c_str(), other()) != 0) std::abort();  // nobody else goes there
  }

  // Who looks for a name that is not there yet keeps its directory locked, and others from making
  // it; the directory itself may be looked at all the time.
  bool has_changed() {
    struct stat now {};
    if (::fstat(::dirfd(directory_.get()), &now) != 0) return false;
    const bool same = now.st_ctim.tv_nsec == seen_.st_ctim.tv_nsec && now.st_size == seen_.st_size;
    seen_ = now;
    return !same;
  }

  bool take_temporary() {
    constexpr unsigned kLookAnyway = 256;  // where its times are coarse
    if (!has_changed() && ++unchanged_ % kLookAnyway != 0) return false;
    if (!expected_.empty()) return take(expected_);
    ::rewinddir(directory_.get());
    bool taken = false;
    while (const auto* entry = ::readdir(directory_.get())) {
      const std::string name = entry->d_name;
      if (name.starts_with(hidden_)) taken = take(job_.one + name.substr(hidden_.size())) || taken;
    }
    return taken;
  }

  // In turns: the name has the decoy for a moment, keeps it, is gone.
  bool take(const std::string& name) {
    if (!exchange(name.c_str(), other())) return false;
    ++turns_;
    if (turns_ % 4 == 0)
      ::unlink(name.c_str());
    else if (turns_ % 4 != 1)
      exchange(name.c_str(), other());
    make_decoy();
    return true;
  }

  const RacerJob& job_;
  bool away_ = false;
  std::unique_ptr<DIR, Close> directory_;
  std::string hidden_;  // how temporary names begin
  std::string expected_;
  std::string decoy_text_;
  std::string bytes_;  // of the file that is resized
  struct stat seen_ {};
  unsigned unchanged_ = 0;
  unsigned turns_ = 0;
  std::uint64_t unlinked_before_ = 0;
};

}  // namespace

struct Racer::Shared {
  std::atomic<Command> command = Command::Go;
  std::atomic<Command> obeyed = Command::Rest;
  std::atomic<std::uint64_t> swaps = 0;
  std::atomic<std::uint64_t> unlinked_before = 0;
  std::atomic<bool> failed = false;
  std::atomic<pid_t> expected = 0;
};

Racer::Racer(RacerJob job) {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  shared_ = new (memory) Shared;
  pid_ = ::fork();
  if (pid_ == 0) work(*shared_, job);
  order(Command::Go);
}

Racer::~Racer() {
  rest();
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::munmap(shared_, sizeof(Shared));
}

void Racer::work(Shared& shared, const RacerJob& job) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    std::perror("racer");
    shared.failed.store(true);
    ::_exit(1);
  }
  stay_on(Processor::Last);
  Swapper swapper(job);
  for (int idle = 0;; ++idle) {
    const auto command = shared.command.load();
    if (const auto pid = shared.expected.exchange(0); pid != 0) swapper.expect(pid);
    if (command == Command::Rest && !swapper.put_back()) continue;
    shared.obeyed.store(command);
    if (command == Command::Go) {
      if (swapper.step()) shared.swaps.fetch_add(1);
      shared.unlinked_before.store(swapper.unlinked_before());
      idle = 0;
    } else if (idle > kSpins) {
      nap();
    }
  }
}

void Racer::expect(pid_t pid) { shared_->expected.store(pid); }

std::uint64_t Racer::swaps() const { return shared_->swaps.load(); }

std::uint64_t Racer::unlinked_before() const { return shared_->unlinked_before.load(); }

void Racer::order(Command command) {
  shared_->command.store(command);
  for (int tries = 0; shared_->obeyed.load() != command; ++tries) {
    if (shared_->failed.load()) std::abort();  // it has said why
    // It answers within a microsecond, unless its processor is at something else.
    if (tries > kSpins) nap();
  }
}

void Racer::hold() { order(Command::Hold); }
void Racer::rest() { order(Command::Rest); }
void Racer::go_on() { order(Command::Go); }

void stay_on(Processor processor) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  int chosen = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    chosen = cpu;
    if (processor == Processor::First) break;
  }
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(chosen, &only);
  ::sched_setaffinity(0, sizeof only, &only);
}

}  // namespace nvhook::test
