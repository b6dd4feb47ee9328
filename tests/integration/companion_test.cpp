// SPDX-License-Identifier: Apache-2.0
// nvhook-companion as a whole: its processes, what they survive, and what they leave.
#include "integration/companion.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>
#include <future>
#include <sstream>

#include "support/process_status.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const fs::path kTwo = NVHOOK_SIMULATED_HOST "-k40";

std::string content_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST(CompanionProcesses, HaveNoMorePrivilegesThanTheyNeed) {
  Companion companion(kTwo);
  companion.start();
  ASSERT_TRUE(comes_true([&] { return answers(companion) && activates(companion); }));

  const auto rest = status_of(companion.rest());
  EXPECT_EQ(rest.permitted | rest.effective | rest.inheritable | rest.ambient | rest.bounding, 0U);
  EXPECT_TRUE(rest.no_new_privileges);
  EXPECT_EQ(rest.seccomp, 2);
  const auto volumes = status_of(companion.volumes());
  EXPECT_EQ(names_of(volumes.permitted), "dac_override 0 3");  // and CHOWN, FOWNER
  EXPECT_EQ(volumes.bounding | volumes.inheritable | volumes.ambient, 0U);
  EXPECT_TRUE(volumes.no_new_privileges);
  EXPECT_EQ(volumes.seccomp, 2);
}

TEST(CompanionProcesses, DoNotDieOfOneAnother) {
  Companion companion(kTwo);
  companion.start();
  ASSERT_TRUE(comes_true([&] { return answers(companion) && activates(companion); }));
  const auto rest = companion.rest();
  const auto volumes = companion.volumes();

  ::kill(rest, SIGKILL);
  EXPECT_TRUE(activates(companion));
  EXPECT_TRUE(comes_true([&] { return answers(companion); }));
  EXPECT_EQ(companion.volumes(), volumes);
  EXPECT_NE(companion.rest(), rest);

  const auto other_rest = companion.rest();
  ::kill(volumes, SIGKILL);
  EXPECT_TRUE(answers(companion));
  EXPECT_TRUE(comes_true([&] { return activates(companion); }));
  EXPECT_EQ(companion.rest(), other_rest);
  EXPECT_THAT(companion.log(), HasSubstr("was ended by signal 9, and is started again in"));
}

TEST(CompanionProcesses, EndWithTheFirstOne) {
  Companion companion(kTwo);
  companion.start();
  ASSERT_TRUE(comes_true([&] { return answers(companion) && activates(companion); }));
  const auto rest = companion.rest();
  const auto volumes = companion.volumes();

  EXPECT_EQ(companion.end(SIGKILL), 128 + SIGKILL);

  EXPECT_TRUE(comes_true([&] { return ::kill(rest, 0) != 0 && ::kill(volumes, 0) != 0; }));
  // What it left does not keep the next one from starting.
  companion.start();
  EXPECT_TRUE(comes_true([&] { return answers(companion) && activates(companion); }));
}

TEST(CompanionEnd, LeavesNothingBehind) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Companion companion(kTwo);
    const auto spec = companion.directory() / "docker/nvidia-docker.spec";
    companion.start({"--spec-file", spec});
    ASSERT_TRUE(comes_true([&] { return answers(companion) && activates(companion); }));
    EXPECT_EQ(content_of(spec), "unix://" + companion.socket().string() + "\n");

    EXPECT_EQ(companion.end(signal), 0);

    EXPECT_FALSE(fs::exists(companion.socket()));
    EXPECT_FALSE(fs::exists(spec));
    EXPECT_THAT(companion.log(), ::testing::EndsWith("Successfully terminated\n"));
  }
}

TEST(CompanionSockets, ThatCannotBeHadDoNotKeepTheOtherFromServing) {
  Companion first(kTwo);
  first.start({"--no-volumes"});
  ASSERT_TRUE(comes_true([&] { return answers(first); }));
  Companion second(kTwo);
  second.start({"--listen", first.address()});
  ASSERT_TRUE(comes_true([&] { return activates(second); }));
  EXPECT_THAT(second.log(), HasSubstr("nvhook-companion: E_LISTEN: listen tcp " + first.address() +
                                      ": bind: address already in use\n"));

  EXPECT_EQ(first.end(SIGTERM), 0);

  EXPECT_TRUE(comes_true([&] {
    return parse_reply(exchange(connect_to(first.port()),
                                "GET /healthz HTTP/1.1\r\nHost: "
                                "localhost\r\nConnection: close\r\n\r\n"))
               .status == 200;
  }));
}

TEST(CompanionSockets, AreNotTakenFromADaemonThatLives) {
  Companion first(kTwo);
  first.start({"--no-rest"});
  ASSERT_TRUE(comes_true([&] { return activates(first); }));
  Companion second(kTwo);
  second.start({"--no-rest", "--socket-directory", first.socket().parent_path()});

  EXPECT_EQ(second.wait(), 5);

  EXPECT_THAT(second.log(), HasSubstr("another process listens there: stop it first"));
  EXPECT_TRUE(activates(first));
}

void write_settings(const Companion& companion, const std::string& text) {
  const auto file = companion.directory() / "config.toml";
  std::ofstream(file) << text;
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
}

// Two GPUs, whose NVML does what `misfortune` says.
void write_unlucky(const fs::path& directory, const std::string& misfortune) {
  const auto file = directory.string() + ".json";
  write_description(file, directory, misfortune + ", ");
  write_driver(directory, {"--nvml", file});
}

class CompanionNvml : public ::testing::Test {
 protected:
  FakeRoot scratch_;
  fs::path host_ = scratch_.on_disk("/host");
};

TEST_F(CompanionNvml, ThatCrashesCostsOneAnswer) {
  write_unlucky(host_, R"("crash": "nvmlDeviceGetTemperature", "spared": 4)");
  Companion companion(host_);
  companion.start();
  ASSERT_TRUE(comes_true([&] { return answers(companion); }));
  const auto rest = companion.rest();

  ASSERT_TRUE(comes_true([&] { return companion.get("/gpu/status").status == 500; }));

  EXPECT_TRUE(comes_true([&] { return answers(companion); }));
  EXPECT_EQ(companion.rest(), rest);
  EXPECT_THAT(companion.log(), HasSubstr("E_NVML_CRASHED"));
}

TEST_F(CompanionNvml, ThatHangsCostsOneAnswer) {
  write_unlucky(host_, R"("hang": "nvmlDeviceGetTemperature", "spared": 4)");
  Companion companion(host_);
  write_settings(companion, "[nvml]\ndeadline = 0.5\n");
  companion.start({"--config", companion.directory() / "config.toml"});
  ASSERT_TRUE(comes_true([&] { return answers(companion); }));

  ASSERT_TRUE(comes_true([&] { return companion.get("/gpu/status").status == 500; }));

  EXPECT_TRUE(comes_true([&] { return answers(companion); }));
  EXPECT_THAT(companion.log(), HasSubstr("E_NVML_TIMEOUT"));
}

// The process that keeps nvhook-nvml, a child of the one that serves.
TEST_F(CompanionNvml, ThatNobodyKeepsIsKeptAnew) {
  write_driver(host_, {"--shape", "k40"});
  Companion companion(host_);
  companion.start();
  ASSERT_TRUE(comes_true([&] { return answers(companion); }));
  const auto rest = companion.rest();
  const auto process = "/proc/" + std::to_string(rest) + "/task/" + std::to_string(rest);
  pid_t keeper = 0;
  std::ifstream(process + "/children") >> keeper;
  ASSERT_GT(keeper, 0);

  ASSERT_EQ(::kill(keeper, SIGKILL), 0);

  EXPECT_TRUE(comes_true([&] { return companion.rest() > 0 && companion.rest() != rest; }))
      << "it does not go on without, nobody has to ask";
  EXPECT_TRUE(comes_true([&] { return answers(companion); }));
}

// All that may be kept of it then is the socket that it listens on.
TEST_F(CompanionNvml, ThatHangsAndManyWhoWaitLeaveTheServerAlive) {
  write_unlucky(host_, R"("hang": "nvmlDeviceGetTemperature")");
  Companion companion(host_);
  write_settings(companion, "[nvml]\ndeadline = 1\n");
  companion.limit_descriptors(24);
  companion.start({"--config", companion.directory() / "config.toml"});
  ASSERT_TRUE(comes_true([&] { return activates(companion) && companion.rest() > 0; }));
  const auto rest = companion.rest();

  std::vector<UniqueFd> waiting;
  for (int i = 0; i < 40; ++i) {
    waiting.push_back(connect_to(companion.port()));
    constexpr std::string_view kRequest = "GET /gpu/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    ::send(waiting.back().get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
  }

  EXPECT_TRUE(comes_true([&] { return companion.get("/healthz").status == 503; }));
  EXPECT_EQ(companion.rest(), rest);
}

TEST_F(CompanionNvml, ThatIsAwaitedAtTheEndIsWaitedFor) {
  write_unlucky(host_, R"("hang": "nvmlDeviceGetTemperature")");
  Companion companion(host_);
  write_settings(companion, "[nvml]\ndeadline = 1\n");
  companion.start({"--config", companion.directory() / "config.toml"});
  ASSERT_TRUE(comes_true([&] { return activates(companion); }));
  auto asking = std::async(std::launch::async, [&] { return companion.get("/gpu/status"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));

  EXPECT_EQ(companion.end(SIGTERM), 0);

  EXPECT_EQ(asking.get().status, 500);  // an answer: the connection was not just closed
}

TEST_F(CompanionNvml, OfAnotherDriverIsSeenWithoutARestart) {
  write_driver(host_, {"--shape", "k40"});
  Companion companion(host_);
  companion.start();
  ASSERT_TRUE(comes_true([&] { return answers(companion); }));
  ASSERT_THAT(companion.get("/docker/cli").body, HasSubstr("nvidia_driver_361.48"));

  write_driver(host_, {"--version", "550.54.14", "--gpus", "3"});

  EXPECT_TRUE(comes_true([&] {
    return companion.get("/docker/cli").body.find("nvidia_driver_550.54.14") != std::string::npos;
  }));
  EXPECT_THAT(companion.get("/docker/cli").body, HasSubstr("--device=/dev/nvidia2"));
  EXPECT_EQ(companion.call("VolumeDriver.Create", R"({"Name":"nvidia_driver_550.54.14"})").body,
            "{\"Err\":null}\n");
  EXPECT_THAT(companion.log(), HasSubstr("The driver has changed"));
}

// Half an installation, and then the other half.
TEST_F(CompanionNvml, OfLibrariesThatComeLaterIsFound) {
  write_driver(host_, {"--shape", "k40"});
  const auto library = host_ / "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.361.48";
  const auto aside = host_ / "aside";
  fs::rename(library, aside);
  Companion companion(host_);
  companion.start();
  ASSERT_TRUE(comes_true([&] { return companion.get("/gpu/status").status == 500; }));

  fs::rename(aside, library);

  EXPECT_TRUE(comes_true([&] { return answers(companion); }));
  EXPECT_THAT(companion.log(), HasSubstr("E_DRIVER_INCOMPLETE"));
}

// A driver that comes when the companion is there already, as at boot.
TEST_F(CompanionNvml, OfADriverThatComesLaterIsSeen) {
  fs::create_directories(host_ / "proc");
  fs::create_directories(host_ / "sys");
  Companion companion(host_);
  companion.start();
  ASSERT_TRUE(comes_true([&] { return companion.get("/healthz").status == 503; }));
  fs::remove_all(host_);

  write_driver(host_, {"--shape", "k40"});

  EXPECT_TRUE(comes_true([&] { return answers(companion); }));
}

TEST(CompanionReload, KeepsBadSettingsOutAndTakesGoodOnes) {
  Companion companion(kTwo);
  write_settings(companion, "");
  companion.start({"--config", companion.directory() / "config.toml"});
  ASSERT_TRUE(comes_true([&] { return answers(companion) && activates(companion); }));

  write_settings(companion, "[companion]\nprocesses = 1\n");
  companion.signal(SIGHUP);
  ASSERT_TRUE(comes_true(
      [&] { return companion.log().find("The settings stay as they were") != std::string::npos; }));
  EXPECT_THAT(companion.log(), HasSubstr("E_CONFIG"));
  EXPECT_TRUE(answers(companion) && activates(companion));

  write_settings(companion, "[companion]\nprocesses = false\n");
  companion.signal(SIGHUP);
  EXPECT_TRUE(comes_true([&] {
    const auto reply = companion.get("/gpu/status/json");
    return reply.status == 200 && reply.body.find("nbody") == std::string::npos;
  }));
  EXPECT_TRUE(activates(companion));
}

TEST(CompanionReload, MovesItsSocketsOrStaysWhereItIs) {
  Companion companion(kTwo);
  const auto other = companion.directory() / "other";
  const auto set = [&](std::uint16_t port, const fs::path& directory) {
    write_settings(companion, "[roots]\ndriver = '" + kTwo.string() + "'\nproc = '" +
                                  (kTwo / "proc").string() + "'\nsys = '" +
                                  (kTwo / "sys").string() +
                                  "'\n[companion]\nlisten = '127.0.0.1:" + std::to_string(port) +
                                  "'\nsocket_directory = '" + directory.string() + "'\nstore = '" +
                                  companion.store().string() + "'\n");
  };
  const auto serves_at = [](std::uint16_t port) {
    return parse_reply(exchange(connect_to(port),
                                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                "Connection: close\r\n\r\n"))
               .status == 200;
  };
  set(companion.port(), companion.socket().parent_path());
  companion.start_as("nvhook-companion", {"--config", companion.directory() / "config.toml"});
  ASSERT_TRUE(comes_true([&] { return answers(companion) && activates(companion); }));

  const auto port = free_port();
  set(port, other);
  companion.signal(SIGHUP);
  EXPECT_TRUE(comes_true([&] { return serves_at(port); }));
  EXPECT_TRUE(comes_true([&] { return fs::exists(other / "nvidia-docker.sock"); }));
  EXPECT_FALSE(fs::exists(companion.socket()));
  EXPECT_FALSE(connect_to(companion.port()));

  Companion taken(kTwo);
  taken.start();
  ASSERT_TRUE(comes_true([&] { return answers(taken) && activates(taken); }));
  set(taken.port(), taken.socket().parent_path());
  companion.signal(SIGHUP);
  EXPECT_TRUE(comes_true([&] {
    return companion.log().find("The plugin's socket stays in " + other.string()) !=
           std::string::npos;
  }));
  EXPECT_THAT(companion.log(),
              HasSubstr("The REST API stays at 127.0.0.1:" + std::to_string(port)));
  EXPECT_TRUE(comes_true([&] { return serves_at(port); }));
}

TEST(CompanionProgram, IsWhatNvhookServeBecomes) {
  const auto version = run({NVHOOK_PROGRAM, "serve", "--version"});
  EXPECT_THAT(version.out, ::testing::StartsWith("nvhook-companion "));
  EXPECT_EQ(run({NVHOOK_PROGRAM, "serve", "--nonsense"}).status, 64);
  EXPECT_THAT(run({NVHOOK_PROGRAM, "serve", "prune", "--help"}).out,
              HasSubstr("nvhook-companion prune"));
}

TEST(CompanionMemory, StaysSmallUnderLoad) {
  Companion companion(NVHOOK_SIMULATED_HOST "-k40-8");
  companion.start();
  ASSERT_TRUE(comes_true([&] { return answers(companion); }));

  const auto load =
      run({"wrk", "-t1", "-c64", "-d3s", "http://" + companion.address() + "/gpu/status/json"});
  ASSERT_EQ(load.status, 0) << load.err;
  EXPECT_THAT(load.out, Not(HasSubstr("Non-2xx")));

  std::ifstream status("/proc/" + std::to_string(companion.rest()) + "/status");
  long kib = -1;
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) kib = std::stol(line.substr(6));
  EXPECT_GT(kib, 0);
  EXPECT_LE(kib, 16 * 1024);
  RecordProperty("rest_kib", static_cast<int>(kib));
}

TEST(CompanionSettings, H21_ThatExposeItHaveToBeMeant) {
  for (const auto* address : {"0.0.0.0:3476", "[::]:3476", "[::ffff:0:0]:3476", "gpu1:3476"}) {
    Companion companion(kTwo);
    companion.start({"--listen", address});
    EXPECT_EQ(companion.wait(), 2) << address;
    EXPECT_THAT(companion.log(), HasSubstr("E_CONFIG")) << address;
  }
}

TEST(CompanionSettings, OfAnUnsafeStoreKeepItFromStarting) {
  Companion companion(kTwo);
  fs::create_directory(companion.store());
  fs::permissions(companion.store(), fs::perms::all);
  companion.start();
  EXPECT_EQ(companion.wait(), 5);
  EXPECT_THAT(companion.log(), HasSubstr("E_STORE"));
}

TEST(CompanionPrune, RemovesVolumesOfFormerDrivers) {
  Companion companion(kTwo);
  companion.start({"--no-rest"});
  ASSERT_TRUE(comes_true([&] { return activates(companion); }));
  ASSERT_EQ(companion.call("VolumeDriver.Create", R"({"Name":"nvidia_driver_361.48"})").status,
            200);
  EXPECT_EQ(companion.end(SIGTERM), 0);
  const std::vector<std::string> prune = {NVHOOK_COMPANION, "prune", "--store", companion.store()};
  auto words = prune;
  words.insert(words.end(),
               {"--driver-root", kTwo, "--proc-root", kTwo / "proc", "--sys-root", kTwo / "sys"});
  EXPECT_EQ(run(words).out, "nothing to remove\n");

  words = prune;
  words.insert(words.end(),
               {"--driver-root", NVHOOK_SIMULATED_HOST, "--proc-root",
                NVHOOK_SIMULATED_HOST "/proc", "--sys-root", NVHOOK_SIMULATED_HOST "/sys"});
  const auto done = run(words);
  EXPECT_EQ(done.out, "removed  nvidia_driver_361.48\n") << done.err;
  EXPECT_FALSE(fs::exists(companion.store() / "nvidia_driver/361.48"));
}

}  // namespace
}  // namespace nvhook::test
