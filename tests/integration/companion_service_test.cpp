// SPDX-License-Identifier: Apache-2.0
// nvhook-companion as a service: what it tells a service manager, and its units in a machine that
// systemd has booted.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "integration/booted_machine.hpp"
#include "integration/companion.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CompanionNotifies, OfEachStepOfItsLife) {
  Companion companion(NVHOOK_SIMULATED_HOST "-k40");
  const UniqueFd manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = (companion.directory() / "notify").string();
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(manager.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  std::string heard;
  const auto hears = [&](const std::string& text) {
    return comes_true([&] {
      std::array<char, 4096> one{};
      for (ssize_t size = 0;
           (size = ::recv(manager.get(), one.data(), one.size(), MSG_DONTWAIT)) > 0;)
        heard.append(one.data(), static_cast<std::size_t>(size)).push_back('\n');
      return heard.find(text) != std::string::npos;
    });
  };

  companion.start_as("nvhook-companion", companion.words(),
                     {"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=200000"});
  EXPECT_TRUE(hears("READY=1\n"));
  EXPECT_TRUE(hears("STATUS=volume plugin: up; REST API: up\n"));
  EXPECT_TRUE(hears("WATCHDOG=1\n"));
  // Ready means that nobody is turned away.
  EXPECT_EQ(companion.call("Plugin.Activate").status, 200);

  heard.clear();
  companion.signal(SIGHUP);
  EXPECT_TRUE(hears("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_TRUE(hears("READY=1\n"));

  heard.clear();
  EXPECT_EQ(companion.end(SIGTERM), 0);
  EXPECT_TRUE(hears("STOPPING=1\n"));
}

class CompanionUnit : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!machines_unavailable().empty()) return;
    machine_ = std::make_unique<BootedMachine>();
    if (machine_->trouble().empty()) furnish();
  }
  static void TearDownTestSuite() { machine_.reset(); }

  void SetUp() override {
    if (const auto why = machines_unavailable(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_EQ(machine_->trouble(), "");
  }
  void TearDown() override {
    if (!machine_ || !machine_->trouble().empty()) return;
    if (HasFailure())
      std::fputs(sh("journalctl -u nvhook-companion -u nvhook-companion-rest -n 60").out.c_str(),
                 stderr);
    (void)sh(
        "systemctl stop nvhook-companion.service nvhook-companion-rest.service "
        "nvhook-companion-plugin.socket nvhook-companion-rest.socket; rm -f "
        "/etc/default/nvidia-docker");
  }

  static void furnish() {
    const fs::path program = NVHOOK_COMPANION;
    machine_->copy_in_program(program, NVHOOK_PREFIX "/bin/nvhook-companion");
    machine_->copy_in_program(program.parent_path().parent_path() / "libexec/nvhook/nvhook-nvml",
                              NVHOOK_PREFIX "/libexec/nvhook/nvhook-nvml");
    // As they are installed.
    for (const auto* unit : {"nvhook-companion.service", "nvhook-companion-plugin.socket",
                             "nvhook-companion-rest.service", "nvhook-companion-rest.socket"})
      machine_->copy_in(program.parent_path().parent_path() / "systemd" / unit,
                        fs::path("/etc/systemd/system") / unit);
    FakeRoot scratch;
    const auto description = scratch.on_disk("/nvml.json");
    write_description(description, kDriver);  // its NVML knows where it lies
    write_driver(scratch.on_disk("/driver"),
                 {"--version", "361.48", "--cuda", "8.0", "--nvml", description});
    machine_->copy_in(scratch.on_disk("/driver"), kDriver);
    fs::create_directories(machine_->file("/etc/nvhook"));
    write("/etc/nvhook/config.toml", "[roots]\ndriver = '" + kDriver + "'\nproc = '" + kDriver +
                                         "/proc'\nsys = '" + kDriver + "/sys'\n");
    // The unit names devices as /proc/devices does where the driver is loaded.
    write(kDevices, "[Service]\nDevicePolicy=auto\nDeviceAllow=\n");
    (void)sh("systemctl daemon-reload");
  }

  static void write(const std::string& path, const std::string& text) {
    fs::create_directories(machine_->file(path).parent_path());
    std::ofstream(machine_->file(path)) << text;
    fs::permissions(machine_->file(path), fs::perms(0644));
  }
  static Finished sh(const std::string& script) { return machine_->sh(script); }
  inline static const std::string kDriver = "/srv/driver";
  inline static const std::string kDevices =
      "/etc/systemd/system/nvhook-companion-rest.service.d/devices.conf";
  static constexpr auto kVolumes = "nvhook-companion.service";
  static constexpr auto kRest = "nvhook-companion-rest.service";
  static std::string property(const std::string& name, const std::string& unit = kVolumes) {
    auto value = sh("systemctl show -P " + name + " " + unit).out;
    if (value.ends_with('\n')) value.pop_back();
    return value;
  }
  // Without a client of HTTP in the machine: the shell's own.
  static std::string get(const std::string& target) {
    return machine_
        ->run({"bash", "-c",
               "exec 3<>/dev/tcp/127.0.0.1/3476 && printf 'GET " + target +
                   " HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && "
                   "cat <&3"})
        .out;
  }
  // Of the plugin, from outside: its socket is a file.
  static std::string activate(const std::string& path = "/run/docker/plugins/nvidia-docker.sock") {
    const auto at = machine_->file(path);
    return exchange(connect_to(at),
                    "POST /Plugin.Activate HTTP/1.1\r\nHost: \r\nConnection: close\r\n"
                    "Content-Length: 0\r\n\r\n");
  }

  inline static std::unique_ptr<BootedMachine> machine_;
};

TEST_F(CompanionUnit, StartsReloadsAndStops) {
  const auto started = sh("systemctl start nvhook-companion.service nvhook-companion-rest.service");
  ASSERT_EQ(started.status, 0) << started.err;
  EXPECT_EQ(property("StatusText"), "volume plugin: up; REST API: off");
  EXPECT_EQ(property("StatusText", kRest), "volume plugin: off; REST API: up");
  EXPECT_THAT(get("/gpu/info/json"), HasSubstr("Tesla K40m"));
  EXPECT_THAT(activate(), HasSubstr("VolumeDriver"));

  for (const auto* unit : {kVolumes, kRest}) {
    const auto pid = property("MainPID", unit);
    EXPECT_EQ(sh(std::string("systemctl reload ") + unit).status, 0);
    EXPECT_TRUE(comes_true([&] {
      return sh(std::string("journalctl -u ") + unit).out.find("Reloaded the settings") !=
             std::string::npos;
    }));
    EXPECT_EQ(property("MainPID", unit), pid);
  }
  EXPECT_TRUE(comes_true([&] { return get("/healthz").find("200 OK") != std::string::npos; }));
  EXPECT_THAT(activate(), HasSubstr("VolumeDriver"));

  for (const auto* unit : {kVolumes, kRest}) {
    EXPECT_EQ(sh(std::string("systemctl stop ") + unit).status, 0);
    EXPECT_EQ(property("Result", unit), "success");
    EXPECT_EQ(property("ExecMainStatus", unit), "0");
  }
  EXPECT_FALSE(fs::exists(machine_->file("/run/docker/plugins/nvidia-docker.sock")));
}

// Nobody has to name the second one.
TEST_F(CompanionUnit, BringsTheRestApiAlong) {
  ASSERT_EQ(sh("systemctl start nvhook-companion.service").status, 0);
  EXPECT_TRUE(comes_true([&] { return get("/gpu/info/json").find("K40m") != std::string::npos; }));
  EXPECT_NE(sh("stat -c %u /proc/" + property("MainPID", kRest)).out, "0\n");
}

TEST_F(CompanionUnit, MakesAVolumeOfLinks) {
  ASSERT_EQ(sh("systemctl start nvhook-companion.service").status, 0);

  const std::string body = R"({"Name":"nvidia_driver_361.48"})";
  const auto reply = exchange(
      connect_to(machine_->file("/run/docker/plugins/nvidia-docker.sock")),
      "POST /VolumeDriver.Create HTTP/1.1\r\nHost: \r\nConnection: close\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + body);

  EXPECT_THAT(reply, HasSubstr("{\"Err\":null}"));
  EXPECT_EQ(sh("stat -c %h /var/lib/nvidia-docker/volumes/nvidia_driver/361.48/lib64/"
               "libcuda.so.361.48")
                .out,
            "2\n");
}

TEST_F(CompanionUnit, IsStartedByItsSockets) {
  ASSERT_EQ(
      sh("systemctl start nvhook-companion-plugin.socket nvhook-companion-rest.socket").status, 0);
  EXPECT_EQ(property("ActiveState", kRest), "inactive");

  EXPECT_THAT(get("/gpu/info/json"), HasSubstr("Tesla K40m"));
  EXPECT_EQ(property("ActiveState", kRest), "active");
  EXPECT_EQ(property("ActiveState"), "inactive");
  EXPECT_THAT(activate(), HasSubstr("VolumeDriver"));

  // It goes, they stay.
  EXPECT_EQ(sh("systemctl stop nvhook-companion.service").status, 0);
  EXPECT_THAT(activate(), HasSubstr("VolumeDriver"));
  EXPECT_EQ(property("ActiveState"), "active");
}

TEST_F(CompanionUnit, HonoursTheFileOfTheOriginal) {
  write("/etc/default/nvidia-docker",
        "NVIDIA_DOCKER_PLUGIN_OPTS=\"-s /var/lib/nvidia-docker -d /srv/volumes\"\n");
  ASSERT_EQ(sh("systemctl start nvhook-companion.service").status, 0);

  EXPECT_THAT(activate("/var/lib/nvidia-docker/nvidia-docker.sock"), HasSubstr("VolumeDriver"));
}

TEST_F(CompanionUnit, IsStartedAgainWhenItIsKilled) {
  ASSERT_EQ(sh("systemctl start nvhook-companion.service").status, 0);
  const auto pid = property("MainPID");

  ASSERT_EQ(sh("kill -9 " + pid).status, 0);

  EXPECT_TRUE(comes_true(
      [&] { return property("ActiveState") == "active" && property("MainPID") != pid; }));
  EXPECT_THAT(activate(), HasSubstr("VolumeDriver"));
  EXPECT_THAT(get("/gpu/info/json"), HasSubstr("Tesla K40m"));
}

TEST_F(CompanionUnit, IsHardened) {
  // 2.8 when this was written: docs/decisions.md.
  const auto judged =
      sh("systemd-analyze security --no-pager --threshold=30 nvhook-companion.service");
  EXPECT_EQ(judged.status, 0) << judged.out;
  const auto verified =
      sh("systemd-analyze verify --man=no /etc/systemd/system/nvhook-companion.service "
         "/etc/systemd/system/nvhook-companion-*.socket");
  EXPECT_EQ(verified.status, 0);
  EXPECT_EQ(verified.err, "");
}

}  // namespace
}  // namespace nvhook::test
