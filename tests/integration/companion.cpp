// SPDX-License-Identifier: Apache-2.0
#include "integration/companion.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::string without_chunks(std::string_view bytes) {
  std::string body;
  while (!bytes.empty()) {
    const auto line = bytes.find("\r\n");
    const auto size = std::stoul(std::string(bytes.substr(0, line)), nullptr, 16);
    if (size == 0 || line == bytes.npos) break;
    body.append(bytes.substr(line + 2, size));
    bytes.remove_prefix(std::min(line + 2 + size + 2, bytes.size()));
  }
  return body;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (auto& string : strings) all.push_back(string.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

std::uint16_t free_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(0);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return {};
  return fd;
}

UniqueFd connect_to(const fs::path& socket) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return {};
  return fd;
}

std::string exchange(UniqueFd socket, std::string_view bytes) {
  std::string got;
  if (!socket || ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return got;
  std::array<char, 65536> chunk{};
  for (;;) {
    pollfd ready{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 30'000) != 1) return got;
    const auto size = ::recv(socket.get(), chunk.data(), chunk.size(), 0);
    if (size <= 0) return got;
    got.append(chunk.data(), static_cast<std::size_t>(size));
  }
}

Reply parse_reply(std::string_view bytes) {
  Reply reply;
  const auto end = bytes.find("\r\n\r\n");
  if (!bytes.starts_with("HTTP/1.") || end == bytes.npos) return reply;
  std::istringstream lines{std::string(bytes.substr(0, end))};
  std::string line;
  std::getline(lines, line);
  reply.status = std::stoi(line.substr(line.find(' ')));
  while (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const auto colon = line.find(": ");
    reply.headers[line.substr(0, colon)] = line.substr(std::min(colon + 2, line.size()));
  }
  reply.body = bytes.substr(end + 4);
  if (reply.headers.contains("Transfer-Encoding")) reply.body = without_chunks(reply.body);
  return reply;
}

void write_driver(const fs::path& directory, const std::vector<std::string>& options) {
  std::vector<std::string> words = {NVHOOK_SIMULATED_DRIVER, directory};
  words.insert(words.end(), options.begin(), options.end());
  const auto done = run(words);
  ASSERT_EQ(done.status, 0) << done.err;
}

void write_description(const fs::path& file, const fs::path& root, const std::string& more) {
  std::ifstream shape(NVHOOK_SOURCE_DIR "/tests/simdriver/shapes/k40.json");
  std::string head, first, second;  // a line is a GPU
  std::getline(shape, head);
  std::getline(shape, first);
  std::getline(shape, second);
  head.insert(1, "\"root\": \"" + root.string() + "\", " + more);
  second.pop_back();
  std::ofstream(file) << head << '\n' << first << '\n' << second << "\n]}\n";
}

bool answers(const Companion& companion) { return companion.get("/gpu/status/json").status == 200; }

bool activates(const Companion& companion) {
  return companion.call("Plugin.Activate").body == "{\"Implements\":[\"VolumeDriver\"]}\n";
}

Companion::Companion(const fs::path& host) : host_(host), port_(free_port()) {
  fs::permissions(scratch_.on_disk(),
                  fs::perms::owner_all | fs::perms::others_exec | fs::perms::group_exec);
}

Companion::~Companion() {
  if (pid_ > 0 && end(SIGTERM) < 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (::testing::Test::HasFailure()) std::fprintf(stderr, "its log:\n%s\n", log().c_str());
}

std::vector<std::string> Companion::words() const {
  return {"--driver-root", host_,     "--proc-root", host_ / "proc",       "--sys-root",
          host_ / "sys",   "--store", store(),       "--socket-directory", socket().parent_path(),
          "--listen",      address()};
}

void Companion::start(const std::vector<std::string>& more) {
  auto all = words();
  all.insert(all.end(), more.begin(), more.end());
  start_as("nvhook-companion", all);
}

void Companion::start_as(const std::string& name, const std::vector<std::string>& words,
                         const std::vector<std::string>& environment) {
  std::vector<std::string> all = {name};
  all.insert(all.end(), words.begin(), words.end());
  auto variables = environment;
  const auto argv = pointers(all);
  const auto envp = pointers(variables);
  const auto log_path = (directory() / "log").string();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  const rlimit few{.rlim_cur = most_descriptors_, .rlim_max = most_descriptors_};
  if (most_descriptors_ > 0) ::setrlimit(RLIMIT_NOFILE, &few);
  if (::getppid() == parent) ::execve(NVHOOK_COMPANION, argv.data(), envp.data());
  ::_exit(127);
}

void Companion::signal(int number) const { ::kill(pid_, number); }

int Companion::end(int number) {
  signal(number);
  return wait();
}

int Companion::wait() {
  int status = 0;
  const bool ended = comes_true([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) return -1;
  pid_ = -1;
  // A call that its filter does not have, or a fault: whatever a test is about.
  for (const auto* part : {"REST API", "volume plugin"})
    for (const int signal : {SIGSYS, SIGSEGV, SIGABRT})
      EXPECT_EQ(log().find(part + (" was ended by signal " + std::to_string(signal))),
                std::string::npos);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string Companion::log() const { return text_of(directory() / "log"); }

void Companion::forget_log() const { fs::resize_file(directory() / "log", 0); }

pid_t Companion::child_of(uid_t user) const {
  const auto own = std::to_string(pid_);
  std::istringstream children(text_of("/proc/" + own + "/task/" + own + "/children"));
  for (pid_t child = -1; children >> child;) {
    std::istringstream status(text_of("/proc/" + std::to_string(child) + "/status"));
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("Uid:\t" + std::to_string(user) + "\t")) return child;
  }
  return -1;
}

Reply Companion::get(const std::string& target) const {
  return parse_reply(exchange(connect_to(port_), "GET " + target + " HTTP/1.1\r\nHost: " +
                                                     address() + "\r\nConnection: close\r\n\r\n"));
}

Reply Companion::call(const std::string& call, const std::string& body) const {
  return parse_reply(
      exchange(connect_to(socket()),
               "POST /" + call +
                   " HTTP/1.1\r\nHost: \r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n"
                   "Connection: close\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n\r\n" + body));
}

}  // namespace nvhook::test
