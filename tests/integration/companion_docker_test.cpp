// SPDX-License-Identifier: Apache-2.0
// A real dockerd that uses the companion as its volume plugin. It runs in a mount namespace of its
// own, where /run/docker and /etc/docker are empty, and all that it keeps is in a directory of its
// own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "integration/companion.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kVolume = "nvidia_driver_361.48";
constexpr auto kPlugins = "/run/docker/plugins";

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Dockerd {
 public:
  explicit Dockerd(fs::path top) : top_(std::move(top)) {
    const auto tmpfs = [](const char* where) {
      fs::create_directories(where);
      return ::mount("tmpfs", where, "tmpfs", 0, "mode=755") == 0;
    };
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        !tmpfs("/run/docker") || !tmpfs("/etc/docker"))
      return;
    fs::create_directories(top_);
    // Its data on a tmpfs: an overlay of containers' layers is not made on every file system.
    if (!tmpfs(top_.c_str())) return;
    start();
  }
  ~Dockerd() {
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    ::umount2((top_ / "exec/netns/default").c_str(), MNT_DETACH);
    ::umount2(top_.c_str(), MNT_DETACH);
  }
  Dockerd(const Dockerd&) = delete;
  Dockerd& operator=(const Dockerd&) = delete;

  [[nodiscard]] Finished docker(const std::vector<std::string>& words,
                                std::string_view input = {}) const {
    std::vector<std::string> all = {"docker", "-H", "unix://" + (top_ / "docker.sock").string()};
    all.insert(all.end(), words.begin(), words.end());
    return run(all, input, {"HOME=" + top_.string()});
  }
  [[nodiscard]] std::string log() const { return text_of(top_ / "log"); }

 private:
  void start() {
    const auto at = [this](const char* name) { return (top_ / name).string(); };
    std::vector<std::string> words = {"dockerd",
                                      "--config-file",
                                      at("daemon.json"),
                                      "--data-root",
                                      at("root"),
                                      "--exec-root",
                                      at("exec"),
                                      "--pidfile",
                                      at("pid"),
                                      "--host",
                                      "unix://" + at("docker.sock"),
                                      "--bridge=none",
                                      "--iptables=false",
                                      "--ip6tables=false",
                                      "--ip-forward=false",
                                      "--ip-masq=false",
                                      "--storage-driver=vfs",
                                      "--exec-opt",
                                      "native.cgroupdriver=cgroupfs"};
    std::ofstream(at("daemon.json")) << "{}\n";
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const auto log = at("log");
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::setsid();
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(nothing, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execvp("dockerd", argv.data());
    ::_exit(127);
  }

  fs::path top_;
  pid_t pid_ = -1;
};

class CompanionOfDocker : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(comes_true([&] { return docker_.docker({"version"}).status == 0; }))
        << docker_.log();
    start_companion();
    const auto image = run({"sh", "-c",
                            "tar -C " NVHOOK_ROOTS "/busybox -c . | docker -H unix://" +
                                (top_ / "docker.sock").string() + " import - tiny:1"});
    ASSERT_EQ(image.status, 0) << image.err;
  }
  void start_companion() {
    companion_.start({"--no-rest", "--socket-directory", kPlugins});
    ASSERT_TRUE(
        comes_true([&] { return fs::exists(std::string(kPlugins) + "/nvidia-docker.sock"); }));
  }
  // What docker says on standard output, if it is content.
  std::string said(const std::vector<std::string>& words) {
    const auto done = docker_.docker(words);
    EXPECT_EQ(done.status, 0) << words[0] << ": " << done.err << companion_.log();
    return done.out;
  }
  static std::vector<std::string> in_container(const std::vector<std::string>& words) {
    std::vector<std::string> all = {"run",
                                    "--rm",
                                    "--network",
                                    "none",
                                    "--volume-driver=nvidia-docker",
                                    std::string("--volume=") + kVolume + ":/usr/local/nvidia:ro",
                                    "tiny:1"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

  FakeRoot scratch_;
  fs::path top_ = scratch_.on_disk("/docker");
  Dockerd docker_{top_};
  Companion companion_{NVHOOK_SIMULATED_HOST "-k40"};
};

// One story, for starting dockerd takes most of the time.
TEST_F(CompanionOfDocker, IsItsVolumePlugin) {
  EXPECT_EQ(said({"volume", "create", "--driver", "nvidia-docker", "--name", kVolume}),
            std::string(kVolume) + "\n");
  EXPECT_THAT(said({"volume", "ls"}), HasSubstr("nvidia-docker   nvidia_driver_361.48"));
  const auto inspected = said({"volume", "inspect", kVolume});
  EXPECT_THAT(inspected, HasSubstr("\"Driver\": \"nvidia-docker\""));
  EXPECT_THAT(inspected, HasSubstr("\"Mountpoint\": \"" + companion_.store().string() +
                                   "/nvidia_driver/361.48\""));
  const auto refused = docker_.docker({"volume", "create", "-d", "nvidia-docker", "foo"});
  EXPECT_THAT(refused.err, HasSubstr("create foo: bad volume format: foo"));

  EXPECT_THAT(said(in_container({"ls", "/usr/local/nvidia/lib64"})),
              HasSubstr("libcuda.so.361.48\n"));
  const auto written = docker_.docker(in_container({"touch", "/usr/local/nvidia/lib64/x"}));
  EXPECT_THAT(written.err, HasSubstr("Read-only file system"));

  // Used by a container that is there.
  said({"create", "--name", "c1", "--network", "none", "--volume-driver=nvidia-docker",
        std::string("--volume=") + kVolume + ":/usr/local/nvidia:ro", "tiny:1", "true"});
  EXPECT_THAT(docker_.docker({"volume", "rm", kVolume}).err, HasSubstr("volume is in use"));

  // Started anew in between: nothing is lost.
  EXPECT_EQ(companion_.end(SIGTERM), 0);
  start_companion();
  said({"start", "-a", "c1"});
  EXPECT_THAT(said({"volume", "inspect", kVolume}), HasSubstr("361.48"));

  // Killed, and started anew: likewise.
  EXPECT_EQ(companion_.end(SIGKILL), 128 + SIGKILL);
  start_companion();
  said({"start", "-a", "c1"});
  said({"rm", "c1"});
  EXPECT_EQ(said({"volume", "rm", kVolume}), std::string(kVolume) + "\n");
  EXPECT_FALSE(fs::exists(companion_.store() / "nvidia_driver/361.48"));

  // A container makes the volume that it needs.
  EXPECT_THAT(said(in_container({"ls", "/usr/local/nvidia/bin"})), HasSubstr("nvidia-smi\n"));

  // Dead: Docker says so, and goes on.
  EXPECT_EQ(companion_.end(SIGTERM), 0);
  const auto dead = docker_.docker({"volume", "rm", kVolume});
  EXPECT_NE(dead.status, 0);
  EXPECT_THAT(dead.err, HasSubstr("nvidia-docker"));
  EXPECT_EQ(said({"volume", "create", "mine"}), "mine\n");
}

}  // namespace
}  // namespace nvhook::test
