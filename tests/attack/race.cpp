// SPDX-License-Identifier: Apache-2.0
#include "attack/race.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "attack/silence.hpp"
#include "nvhook/base/message_id.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {
namespace {

constexpr std::uint64_t kMountTableEvery = 16;  // attempts; reading it costs as much as one
constexpr std::uint64_t kCompareEvery = 3;
constexpr std::uint64_t kTellEvery = 20'000;

// The mount table of one namespace, to be read again and again.
class MountTable {
 public:
  explicit MountTable(pid_t pid)
      : file_(
            ::open(("/proc/" + std::to_string(pid) + "/mountinfo").c_str(), O_RDONLY | O_CLOEXEC)),
        before_(read()) {}

  [[nodiscard]] bool changed() const { return read() != before_; }

  struct Row {
    std::string point;
    std::string options;
  };
  // The mounts that were not there at first.
  [[nodiscard]] std::vector<Row> new_rows() const {
    const auto old_lines = lines(before_);
    std::vector<Row> rows;
    for (const auto& line : lines(read())) {
      if (old_lines.contains(line)) continue;
      std::istringstream fields(line);
      std::string skipped;
      Row row;
      fields >> skipped >> skipped >> skipped >> skipped >> row.point >> row.options;
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  [[nodiscard]] std::string read() const {
    std::string text;
    std::array<char, 16384> chunk{};
    // Not pread(2): the kernel makes the text anew when it is read from the beginning.
    ::lseek(file_.get(), 0, SEEK_SET);
    for (ssize_t got = 0; (got = ::read(file_.get(), chunk.data(), chunk.size())) > 0;)
      text.append(chunk.data(), static_cast<std::size_t>(got));
    return text;
  }

  static std::set<std::string> lines(const std::string& text) {
    std::set<std::string> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) all.insert(line);
    return all;
  }

  UniqueFd file_;
  std::string before_;
};

// What must hold whoever wins: asked while things stand, and again when they are taken away.
class Judge {
 public:
  Judge(const RaceGround& ground, pid_t host, pid_t container, Tally& tally)
      : root_(ground.root().string() + "/"),
        on_host_(ground.victims(), RaceGround::kCanary, "/"),
        in_container_(ground.victims(), RaceGround::kCanary,
                      "/proc/" + std::to_string(container) + "/root"),
        host_mounts_(host),
        container_mounts_(container),
        tally_(tally) {}

  void while_it_stands(bool thoroughly) {
    escaped_ = on_host_.broken_by();
    if (escaped_.empty()) escaped_ = in_container_.broken_by();
    if (!escaped_.empty() || !thoroughly) return;
    if (host_mounts_.changed()) escaped_ = "a mount on the host";
    for (const auto& row : container_mounts_.new_rows())
      if (!row.point.starts_with(root_)) escaped_ = "a mount at " + row.point;
  }

  // Whether so many mounts, all of them read-only, are in the raced directory of the root, as the
  // container sees it. Exact only while the racer stands still.
  [[nodiscard]] bool stand(std::size_t mounts) const {
    const auto rows = container_mounts_.new_rows();
    return static_cast<std::size_t>(std::ranges::count_if(rows, [&](const auto& row) {
             return row.point.starts_with(root_ + (kRacedDirectory + 1) + "/") &&
                    row.options.starts_with("ro,");
           })) == mounts;
  }

  // Whatever becomes of the cache, what is beside it is the image's. Its directory may be away for
  // the moment.
  void image_is_kept() {
    struct stat now {};
    const auto beside = root_ + (kRacedCacheDirectory + 1) + "/" + kKeptFile;
    if (::lstat(beside.c_str(), &now) != 0) return;
    if (kept_.st_ino == 0) kept_ = now;
    const bool same = now.st_ino == kept_.st_ino && now.st_size == kept_.st_size &&
                      now.st_nlink == kept_.st_nlink && now.st_mode == kept_.st_mode &&
                      now.st_mtim.tv_sec == kept_.st_mtim.tv_sec &&
                      now.st_mtim.tv_nsec == kept_.st_mtim.tv_nsec;
    if (!same) ++tally_.untrue;
  }

  void after(bool thoroughly) {
    if (escaped_.empty()) escaped_ = on_host_.broken_by();
    if (!escaped_.empty()) {
      if (tally_.escapes++ == 0)
        std::snprintf(tally_.first_escape.data(), tally_.first_escape.size(), "%s",
                      escaped_.c_str());
      on_host_.accept();
      in_container_.accept();
    }
    if (thoroughly && (host_mounts_.changed() || container_mounts_.changed())) ++tally_.left_behind;
  }

 private:
  std::string root_;
  Silence on_host_;
  Silence in_container_;
  MountTable host_mounts_;
  MountTable container_mounts_;
  Tally& tally_;
  std::string escaped_;
  struct stat kept_ {};  // of the image's file beside the cache
};

// Whether what is said of an attempt is compared with what stands, for which the racer has to be
// stopped.
bool is_compared(Race race, std::uint64_t attempt) {
  return (race == Race::MountPoint || race == Race::DirectoryAndAnother ||
          race == Race::TwoMountPoints) &&
         attempt % kCompareEvery == 0;
}

void count_refusal(Tally& tally, const std::string& id) {
  const auto errors = all_errors();
  const auto at = std::ranges::find(errors, id, &ErrorInfo::name);
  if (at != errors.end()) ++tally.refusals[static_cast<std::size_t>(at - errors.begin())];
}

// Attempts begin at different moments of the racer's round. Without giving the processor away: what
// runs then instead runs for milliseconds.
void wait_for_swaps(const Racer& racer, std::uint64_t more) {
  const auto until = racer.swaps() + more;
  for (int tries = 0; racer.swaps() < until && tries < 10'000; ++tries) {
  }
}

void tell(const Tally& tally, std::uint64_t of) {
  if (tally.attempts % kTellEvery != 0 || tally.attempts == of) return;
  std::fprintf(stderr, "%llu of %llu attempts\n", static_cast<unsigned long long>(tally.attempts),
               static_cast<unsigned long long>(of));
}

void attempt(Contestant& contestant, const Attempted& attempted, const Contest& contest,
             Judge& judge, Tally& tally) {
  auto& racer = attempted.racer;
  const bool thoroughly = tally.attempts % kMountTableEvery == 0;
  const auto swaps = racer.swaps();
  auto refused = contestant.place();
  const bool compare = refused.empty() && is_compared(contest.race, tally.attempts);
  if (compare) racer.hold();
  judge.while_it_stands(thoroughly);
  if (refused.empty()) {
    refused = contestant.verify();
    if (refused.empty()) ++tally.placed;
    if (compare && refused.empty() && !judge.stand(attempted.wanted.files.size())) ++tally.untrue;
  }
  if (compare) racer.go_on();
  if (!refused.empty()) count_refusal(tally, refused);
  contestant.take_away();
  if (racer.swaps() != swaps) ++tally.raced;
  judge.after(thoroughly);
  if (RaceGround::is_about_cache(contest.race)) judge.image_is_kept();
  if (contest.race == Race::CacheFile) attempted.ground.make_decoy_again(attempted.ground.root());
  // It cannot be put back where the racer has made something else of it in between.
  if (contest.race == Race::TemporaryName) RaceGround::make_link_stale(attempted.ground.root());
  ++tally.attempts;
}

[[noreturn]] void make_attempts(const Contest& contest, const Attempted& attempted, pid_t host,
                                Tally& tally) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  stay_on(Processor::First);
  attempted.racer.expect(::getpid());
  if (contest.prepare) contest.prepare();
  Judge judge(attempted.ground, host, attempted.container, tally);
  const auto contestant = contest.contestant(attempted);
  const auto limit = contest.until_lost ? 100 * contest.attempts : contest.attempts;
  const auto is_won_still = [&] { return tally.escapes == 0 && tally.untrue == 0; };
  // Longer where a busy machine keeps the racer from racing.
  const auto is_no_race = [&] { return tally.raced <= tally.attempts / kRacedAtLeast; };
  while (tally.attempts < contest.attempts || (tally.attempts < limit && is_won_still()) ||
         (tally.attempts < 20 * contest.attempts && is_no_race())) {
    wait_for_swaps(attempted.racer, tally.attempts % 7);
    attempt(*contestant, attempted, contest, judge, tally);
    tell(tally, contest.attempts);
  }
  ::_exit(0);
}

Tally& shared_tally() {
  void* memory =
      ::mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return *new (memory) Tally;
}

}  // namespace

std::vector<std::string> Tally::refusal_ids() const {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < all_errors().size(); ++i)
    if (refusals[i] != 0) ids.emplace_back(all_errors()[i].name);
  return ids;
}

Tally hold(const Contest& contest) {
  const RaceGround ground;
  const auto job = ground.lay_out(contest.race, ground.root());
  const TestContainer container(ground.root(), RaceGround::container(contest.race));
  Racer racer(job);
  auto& shared = shared_tally();
  const pid_t host = ::getpid();
  const pid_t child = ::fork();
  if (child == 0)
    make_attempts(contest, {ground, container.pid(), RaceGround::wanted(contest.race), racer}, host,
                  shared);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) {
    std::fprintf(stderr, "the attempting process ended with %d\n", status);
    std::abort();
  }
  auto tally = shared;
  tally.swaps = racer.swaps();
  ::munmap(&shared, sizeof(Tally));
  return tally;
}

}  // namespace nvhook::test
