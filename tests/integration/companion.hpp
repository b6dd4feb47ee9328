// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "nvhook/base/unique_fd.hpp"
#include "support/command.hpp"
#include "support/fake_root.hpp"

namespace nvhook::test {

struct Reply {
  int status = 0;                              // 0: nobody answered
  std::map<std::string, std::string> headers;  // names as they came
  std::string body;
};

// A running nvhook-companion with a simulated driver, a directory of its own and a port that nobody
// has. Ended, and waited for, with the object.
class Companion {
 public:
  explicit Companion(const std::filesystem::path& host);
  Companion(const Companion&) = delete;
  Companion& operator=(const Companion&) = delete;
  ~Companion();

  // Of the program that is started next: how many descriptors it may have.
  void limit_descriptors(unsigned most) { most_descriptors_ = most; }

  // Words behind those that say where everything is; by default both parts are served.
  void start(const std::vector<std::string>& words = {});
  // As it is called: argv[0], and all words; environment as "NAME=value".
  void start_as(const std::string& name, const std::vector<std::string>& words,
                const std::vector<std::string>& environment = {});
  // What says where everything is.
  [[nodiscard]] std::vector<std::string> words() const;

  // Sends the signal and waits for the end: exit status, or 128 and the number of a signal. -1: it
  // goes on for more than kPatience.
  int end(int signal);
  int wait();
  void signal(int number) const;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Of the process that serves: "rest" is that of nobody, "volumes" that of root. -1: none.
  [[nodiscard]] pid_t rest() const { return child_of(65534); }
  [[nodiscard]] pid_t volumes() const { return child_of(0); }

  [[nodiscard]] std::string log() const;
  void forget_log() const;

  // "GET <target>" on the TCP port.
  [[nodiscard]] Reply get(const std::string& target) const;
  // "POST /<call>" on the plugin's socket, as dockerd does it.
  [[nodiscard]] Reply call(const std::string& call, const std::string& body = "{}") const;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::filesystem::path directory() const { return scratch_.on_disk(); }
  [[nodiscard]] std::filesystem::path socket() const {
    return directory() / "plugins/nvidia-docker.sock";
  }
  [[nodiscard]] std::filesystem::path store() const { return directory() / "volumes"; }

  static constexpr std::chrono::seconds kPatience{20};

 private:
  [[nodiscard]] pid_t child_of(uid_t user) const;

  FakeRoot scratch_;
  std::filesystem::path host_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  unsigned most_descriptors_ = 0;  // 0: as this process
};

// Whether each of the two answers as it should.
[[nodiscard]] bool answers(const Companion& companion);
[[nodiscard]] bool activates(const Companion& companion);

// A port of 127.0.0.1 that nobody has now.
[[nodiscard]] std::uint16_t free_port();

// Bytes to a socket, and all that comes back.
[[nodiscard]] std::string exchange(UniqueFd socket, std::string_view bytes);
[[nodiscard]] UniqueFd connect_to(std::uint16_t port);
[[nodiscard]] UniqueFd connect_to(const std::filesystem::path& socket);
[[nodiscard]] Reply parse_reply(std::string_view bytes);

template <class Condition>
bool comes_true(const Condition& condition) {
  const auto give_up = std::chrono::steady_clock::now() + Companion::kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

// Writes a simulated driver there, in place of one that is there.
void write_driver(const std::filesystem::path& directory, const std::vector<std::string>& options);

// What the NVML of a driver says that is to lie in `root`: that of the recorded answers, and
// `more`, in the form of tests/simdriver/description.cpp.
void write_description(const std::filesystem::path& file, const std::filesystem::path& root,
                       const std::string& more = "");

}  // namespace nvhook::test
