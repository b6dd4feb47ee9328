// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace nvhook::test {

// What a racer does to names, again and again.
enum class Swap {
  Exchange,       // `one` and `other` change places in one step
  MoveAway,       // `one` is moved to `other`, then back
  Remake,         // the file `one` is unlinked, then made anew
  Unlink,         // the file `one` is unlinked whenever it is there; see unlinked_before()
  Resize,         // the file `one` is cut to nothing, grows by a hole, gets its bytes again
  TakeTemporary,  // names that begin with `one` change places with the link `other`
};

struct RacerJob {
  Swap swap = Swap::Exchange;
  std::string one;
  std::string other;
};

// Somebody who shares a volume with the container that is being made: a process of its own on
// another processor, in a mount namespace of its own, where what the hook mounts does not exist
// (in the same namespace a mount point cannot be renamed or unlinked: EBUSY). It begins at once and
// ends with the object, everything back in its first place.
//
// The other functions may be called from processes forked after it was made.
class Racer {
 public:
  explicit Racer(RacerJob job);
  Racer(const Racer&) = delete;
  Racer& operator=(const Racer&) = delete;
  ~Racer();

  // Whose pid is at the end of temporary names. Without it they are looked for in the directory,
  // which finds fewer of them in time.
  void expect(pid_t pid);

  // How many changes it has made.
  [[nodiscard]] std::uint64_t swaps() const;
  // How many files it has unlinked before there was `other`.
  [[nodiscard]] std::uint64_t unlinked_before() const;
  // Stands still when these return: wherever it is, or with everything in its first place.
  void hold();
  void rest();
  void go_on();

 private:
  enum class Command : std::uint32_t { Go, Hold, Rest };
  struct Shared;

  void order(Command command);
  [[noreturn]] static void work(Shared& shared, const RacerJob& job);

  Shared* shared_;
  pid_t pid_;
};

// Binds the calling process to the first or the last processor that it may use, so that a racer and
// who is raced do not take turns on one.
enum class Processor { First, Last };
void stay_on(Processor processor);

}  // namespace nvhook::test
