// SPDX-License-Identifier: Apache-2.0
// Family J: the state on standard input and the bundle's config.json, written by somebody who means
// harm.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <string_view>

#include "attack/attack.hpp"
#include "support/sanitized.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

class State : public Attack {
 protected:
  std::string good_state() { return container().state(scene().bundle.path()); }
  std::string good_config() { return scene().bundle.config.dump(); }
  // JSON text written into the outermost object.
  static std::string with(std::string object, const std::string& member) {
    return object.insert(1, member + ",");
  }
  // The good state with this instead of a member's value.
  std::string state_with(const std::string& member, const std::string& value) {
    auto state = nlohmann::json::parse(good_state());
    state.erase(member);
    return with(state.dump(), "\"" + member + "\":" + value);
  }

  void refuse_state(std::string text, std::string_view id) {
    scene().state = std::move(text);
    refused(id);
    scene().state.reset();
  }
  void refuse_bundle(const fs::path& bundle, std::string_view id) {
    refuse_state(container().state(bundle), id);
  }
  void refuse_config(std::string_view text, std::string_view id) {
    FakeRoot bundle;
    bundle.file("/config.json", text);
    refuse_bundle(bundle.on_disk(), id);
  }
  // With what `prepare` does to the hook's standard input, in its process.
  void refuse_input(const std::function<void()>& prepare, std::string_view id) {
    scene().state = "";
    scene().before = prepare;
    scene().rehearsed = false;
    refused(id);
  }
};

// A process that writes to a pipe until nobody reads it any more.
class Writer {
 public:
  explicit Writer(const std::function<void(int)>& write) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      write(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    read_ = UniqueFd(ends[0]);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void be_standard_input() const { ::dup2(read_.get(), STDIN_FILENO); }

 private:
  pid_t pid_ = -1;
  UniqueFd read_;
};

// Much more than any limit.
void write_a_gibibyte(int to, std::string_view start, char of) {
  std::string chunk(start);
  chunk.resize(65536, of);
  for (int i = 0; i < 16384; ++i)
    if (::write(to, chunk.data(), chunk.size()) < 0) return;
}

TEST_P(State, J01_InputThatIsNoState) {
  const auto open_as_input = [](const char* path, int flags) {
    return [=] { ::dup2(::open(path, flags | O_CLOEXEC), STDIN_FILENO); };
  };
  refuse_state("", "E_STATE_PARSE");
  refuse_state("{", "E_STATE_PARSE");
  refuse_input([] { ::close(STDIN_FILENO); }, "E_STATE_PARSE");
  refuse_input(open_as_input("/", O_RDONLY), "E_STATE_READ");
  refuse_input(open_as_input("/dev/null", O_WRONLY), "E_STATE_READ");
  refuse_input(open_as_input("/dev/zero", O_RDONLY), "E_STATE_LIMIT");
}

TEST_P(State, J01_AByteNowAndThen) {
  const Writer writer([](int to) {
    while (::write(to, " ", 1) == 1) ::usleep(100'000);
  });
  scene().companions = {writer.pid()};
  scene().most_wall = std::chrono::seconds(5);  // it waits for 2

  refuse_input([&] { writer.be_standard_input(); }, "E_STATE_LIMIT");
}

TEST_P(State, J01_Terminal) {
  const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  ASSERT_EQ(::grantpt(terminal.get()) + ::unlockpt(terminal.get()), 0);
  const std::string name = ::ptsname(terminal.get());

  refuse_input([&] { ::dup2(::open(name.c_str(), O_RDWR | O_NOCTTY), STDIN_FILENO); }, "E_USAGE");
}

TEST_P(State, J02_StateWithoutEnd) {
  const struct {
    const char* what;
    std::string start;
    char of;
  } cases[] = {{"blanks", "", ' '},
               {"brackets", "", '['},
               {"a string", R"({"id":")", 'a'},
               {"a number", R"({"pid":)", '1'}};
  scene().rehearsed = false;
  for (const auto& [what, start, of] : cases) {
    SCOPED_TRACE(what);
    const Writer writer([&](int to) { write_a_gibibyte(to, start, of); });
    scene().companions = {writer.pid()};
    refuse_input([&] { writer.be_standard_input(); }, "E_STATE_LIMIT");
    if (!kSanitized) {
      EXPECT_LE(outcome().finished.max_rss_kib, 32L << 10U);
    }
  }
}

TEST_P(State, J02_ConfigAsLargeAsItMayBe) {
  constexpr std::size_t kMost = std::size_t{16} << 20U;
  const struct {
    const char* what;
    std::string_view start;
    char of;
    std::size_t size;
  } cases[] = {{"blanks", R"({"NVIDIA_":)", ' ', kMost},
               {"brackets", R"({"NVIDIA_":)", '[', kMost},
               {"a string", R"({"NVIDIA_":")", 'a', kMost},
               {"a number", R"({"NVIDIA_":)", '1', kMost},
               {"one byte more", "", ' ', kMost + 1}};
  scene().rehearsed = false;
  for (const auto& [what, start, of, size] : cases) {
    SCOPED_TRACE(what);
    std::string text(start);
    text.resize(size, of);
    FakeRoot bundle;
    bundle.file("/config.json", text);
    text = {};  // the hook's process begins with the memory that this one has
    refuse_bundle(bundle.on_disk(), "E_STATE_LIMIT");
  }
}

TEST_P(State, J02_ConfigOfAGibibyte) {
  FakeRoot bundle;
  bundle.file("/config.json", "{");
  ASSERT_EQ(::truncate(bundle.on_disk("/config.json").c_str(), off_t{1} << 30U), 0);

  refuse_bundle(bundle.on_disk(), "E_STATE_LIMIT");
}

TEST_P(State, J03_NestedTooDeeplyForASmallStack) {
  const auto nested = [](std::size_t depth, std::string_view open) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += open;
    return text;
  };
  // The sanitizer's own start needs more.
  if (!kSanitized)
    scene().before = [] {
      const rlimit small{.rlim_cur = 256U << 10U, .rlim_max = 256U << 10U};
      ::setrlimit(RLIMIT_STACK, &small);
    };
  for (const std::size_t depth : {std::size_t{65}, std::size_t{100'000}}) {
    for (const auto* open : {"[", "{\"a\":"}) {
      refuse_state(R"({"annotations":)" + nested(depth, open), "E_STATE_LIMIT");
      refuse_config(R"({"NVIDIA_":)" + nested(depth, open), "E_STATE_LIMIT");
    }
  }
}

TEST_P(State, J04_NulInWhatNamesThings) {
  for (const std::string& text :
       {std::string(R"("a\u0000b")"), std::string("\"a") + '\0' + "b\""}) {
    for (const auto* member : {"id", "bundle", "root"})
      refuse_state(state_with(member, text), "E_STATE_PARSE");
    refuse_config(R"({"ociVersion":"1.0.2","root":{"path":)" + text +
                      R"(},"process":{"env":["NVIDIA_VISIBLE_DEVICES=all"]}})",
                  "E_STATE_PARSE");
  }
}

TEST_P(State, J05_OneMemberTwice) {
  const auto root = "\"root\":{\"path\":\"" + image().on_disk().string() + "\"}";
  for (const auto* again : {R"("pid":2)", R"("p\u0069d":2)", R"("status":"stopped")",
                            R"("\u0073tatus":"stopped")", R"("bundle":"/")"})
    refuse_state(with(good_state(), again), "E_STATE_PARSE");
  for (const auto& again :
       {root, std::string(R"("roo\u0074":{"path":"/"})"), std::string(R"("process":{"env":[]})")})
    refuse_config(with(good_config(), again), "E_STATE_PARSE");
}

// Go's reader, and so the runtime, takes it for ours.
TEST_P(State, J05_KeyOfAnotherCase) {
  for (const auto* key : {R"("PID":2)", R"("Bundle":"/")", R"("p\u0049d":2)"})
    refuse_state(with(good_state(), key), "E_STATE_FIELD");
  for (const auto* key : {R"("Root":{"path":"/"})", R"("PROCESS":{"env":[]})"})
    refuse_config(with(good_config(), key), "E_STATE_FIELD");
}

TEST_P(State, J06_TextThatIsNotUtf8) {
  for (const auto* bytes : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\\ud800", "\\udc00\\ud800"}) {
    const auto member = R"("annotations":{"a":")" + std::string(bytes) + R"("})";
    refuse_state(with(good_state(), member), "E_STATE_PARSE");
    refuse_config(with(good_config(), member), "E_STATE_PARSE");
  }
  std::string utf16 = "\xff\xfe";
  for (const char c : good_state()) utf16 += {c, '\0'};
  refuse_state(utf16, "E_STATE_PARSE");
  refuse_state("\xef\xbb\xbf" + good_state(), "E_STATE_PARSE");
  refuse_config("\xef\xbb\xbf" + good_config(), "E_STATE_PARSE");
}

TEST_P(State, J07_NotQuiteJson) {
  for (const auto* behind : {"x", ",", "{}", "\n{\"pid\":2}"}) {
    refuse_state(good_state() + behind, "E_STATE_PARSE");
    refuse_config(good_config() + behind, "E_STATE_PARSE");
  }
  for (const auto* member :
       {R"("x":NaN)", R"("x":1E400)", R"("x":01)", R"("x":+1)", R"("x":.5)", R"("x":0x10)",
        R"("x":1 /* no */)", R"("x":'a')", "x:1", R"("x":True)", R"("x":1,)"}) {
    refuse_state(with(good_state(), member), "E_STATE_PARSE");
    refuse_config(with(good_config(), member), "E_STATE_PARSE");
  }
}

TEST_P(State, J08_BundleThatIsNone) {
  FakeRoot other;
  other.file("/file", "").directory("/empty");
  const struct {
    std::string bundle;
    const char* id;
  } cases[] = {
      {"b", "E_STATE_FIELD"},
      {"", "E_STATE_FIELD"},
      {"../b", "E_STATE_FIELD"},
      {"/" + std::string(5000, 'b'), "E_STATE_FIELD"},
      {"/" + std::string(4000, 'b'), "E_STATE_READ"},
      {"/nonexistent", "E_STATE_READ"},
      {other.on_disk("/file"), "E_STATE_READ"},
      {other.on_disk("/empty"), "E_STATE_READ"},
      {"/dev/zero", "E_STATE_READ"},
      // The hook works in "/", whatever directory it was started in.
      {"/proc/self/cwd", "E_STATE_READ"},
  };
  for (const auto& [bundle, id] : cases) {
    SCOPED_TRACE(bundle);
    refuse_bundle(bundle, id);
  }
}

// The directories above a bundle are the host's: whoever names it may go through links.
TEST_P(State, J08_BundleByAnotherName) {
  const std::function<fs::path(const fs::path&, FakeRoot&)> names[] = {
      [](const fs::path& bundle, FakeRoot&) { return bundle / "."; },
      [](const fs::path& bundle, FakeRoot&) { return bundle / ".." / bundle.filename(); },
      [](const fs::path& bundle, FakeRoot& other) {
        return other.symlink("/link", bundle.string()).on_disk("/link");
      }};
  for (const auto& name : names) {
    const auto bundle = scene().bundle.path();
    FakeRoot other;
    ASSERT_EQ(::chown(bundle.c_str(), 65534, 65534), 0);
    scene().state = container().state(name(bundle, other));
    contained();
    start_over();
  }
}

TEST_P(State, J09_RootThatIsNotThisContainers) {
  Bundle other;
  const TestContainer neighbour(other.root().on_disk());
  const auto before = neighbour.snapshot();
  FakeRoot links;
  links.symlink("/host", "/").symlink("/neighbour", other.root().on_disk().string());
  const std::vector<std::string> paths = {"/",
                                          ".",
                                          "..",
                                          "../../../../../../..",
                                          "/nonexistent",
                                          "/etc/passwd",
                                          "/proc",
                                          "/dev",
                                          "/sys/fs/cgroup",
                                          "/proc/self/root",
                                          "/proc/self/cwd",
                                          other.root().on_disk(),
                                          links.on_disk("/host"),
                                          links.on_disk("/neighbour"),
                                          image().on_disk("/usr")};
  scene().companions = {neighbour.pid()};
  auto config = scene().bundle.config;
  for (const auto& path : paths) {
    SCOPED_TRACE(path);
    config["root"]["path"] = path;
    refuse_config(config.dump(), "E_ROOTFS");
    // crun says it in the state as well, and that counts.
    refuse_state(state_with("root", "\"" + path + "\""), "E_ROOTFS");
  }
  EXPECT_EQ(neighbour.changes_since(before), "");
  config["root"]["path"] = "";
  refuse_config(config.dump(), "E_STATE_FIELD");
  config.erase("root");
  refuse_config(config.dump(), "E_STATE_FIELD");
}

TEST_P(State, J09_RootByAnotherName) {
  for (const auto& name : {"rootfs", "../NAME", "ROOT/usr/..", "ROOT/"}) {
    SCOPED_TRACE(name);
    const auto root = image().on_disk();
    fs::create_symlink(root, scene().bundle.path() / "rootfs");
    std::string path = name;
    if (path.starts_with("ROOT")) path.replace(0, 4, root.string());
    if (path == "../NAME") path = "../" + root.filename().string();
    scene().bundle.config["root"]["path"] = path;
    contained();
    start_over();
  }
}

TEST_P(State, J10_ConfigThatIsNoPlainFile) {
  const struct {
    const char* what;
    std::function<void(FakeRoot&)> make;
    const char* id;
  } cases[] = {
      {"a pipe", [](FakeRoot& bundle) { ::mkfifo(bundle.on_disk("/config.json").c_str(), 0600); },
       "E_STATE_READ"},
      {"a directory", [](FakeRoot& bundle) { bundle.directory("/config.json"); }, "E_STATE_READ"},
      {"empty", [](FakeRoot& bundle) { bundle.file("/config.json", ""); }, "E_STATE_PARSE"},
      {"a link that leaves the bundle",
       [](FakeRoot& bundle) { bundle.symlink("/config.json", "/etc/passwd"); }, "E_STATE_READ"},
      {"a link to itself", [](FakeRoot& bundle) { bundle.symlink("/config.json", "config.json"); },
       "E_STATE_READ"},
      {"a link into procfs",
       [](FakeRoot& bundle) { bundle.symlink("/config.json", "/proc/self/fd/0"); }, "E_STATE_READ"},
  };
  for (const auto& [what, make, id] : cases) {
    SCOPED_TRACE(what);
    FakeRoot bundle;
    make(bundle);
    refuse_bundle(bundle.on_disk(), id);
  }
}

// For reading: where there is no openat2 it is held first.
bool opens_config(const WatchedCall& call) {
  const bool opens = call.number == SYS_openat2 ||
                     (call.number == SYS_openat && (call.arguments[2] & O_PATH) == 0);
  return opens && call.text(1) == "config.json";
}

// Whoever exchanges config.json gets one of the two, whole, and never a mixture.
TEST_P(State, J10_ConfigExchangedWhileItIsRead) {
  const auto config = scene().bundle.path() / "config.json";
  const auto other = scene().bundle.path() / "other.json";
  std::ofstream(other) << R"({"ociVersion":"1.0.2","root":{"path":"/"}})";
  bool opened = false;
  bool exchanged = false;
  scene().watch = [&](const WatchedCall& call) {
    if (opened && !exchanged) {
      fs::rename(other, config);
      exchanged = true;
    }
    opened = opened || opens_config(call);
    return Answer{};
  };

  contained();
  EXPECT_TRUE(exchanged);
}

TEST_P(State, J10_ConfigCutShortWhileItIsRead) {
  const auto config = scene().bundle.path() / "config.json";
  bool opened = false;
  bool cut = false;
  scene().watch = [&](const WatchedCall& call) {
    if (opened && !cut && call.number == SYS_read) {
      fs::resize_file(config, fs::file_size(config) / 2);
      cut = true;
    }
    opened = opened || opens_config(call);
    return Answer{};
  };

  refused("E_STATE_PARSE");
  EXPECT_TRUE(cut);
}

TEST_P(State, J11_ShapesOfRealRuntimes) {
  const std::string shapes[] = {
      R"({"ociVersion":"1.0.2-dev","id":"a","status":"creating","pid":PID,"bundle":"BUNDLE"})",
      R"({"ociVersion":"1.0","id":"a","pid":PID,"root":"ROOT","bundle":"BUNDLE",)"
      R"("status":"created","annotations":{"a":"b"}})",
      R"({"ociVersion":"v1.0.2","id":"a","status":"creating","pid":PID,"bundle":"BUNDLE",)"
      R"("annotations":{},"created":"2026-01-01T00:00:00Z","creator":0,"useSystemd":false,)"
      R"("cleanUpIntelRdtSubdirectory":false})",
      R"({"ociVersion":"99.0.0","id":"a","status":"dreaming","pid":PID,"bundle":"BUNDLE",)"
      R"("future":{"pid":1,"bundle":"/"}})"};
  for (auto shape : shapes) {
    SCOPED_TRACE(shape);
    const std::pair<std::string_view, std::string> values[] = {
        {"PID", std::to_string(container().pid())},
        {"BUNDLE", scene().bundle.path()},
        {"ROOT", image().on_disk()}};
    for (const auto& [word, value] : values)
      if (const auto at = shape.find(word); at != shape.npos) shape.replace(at, word.size(), value);
    scene().state = shape;
    contained();
    start_over();
  }
}

TEST_P(State, J12_ProcessOfStrangeMembers) {
  for (const auto* user : {R"({"uid":-1})", R"({"uid":4294967296})", R"({"uid":"0"})", "null",
                           R"({"uid":1e300,"gid":[[]]})"}) {
    SCOPED_TRACE(user);
    scene().bundle.config["process"]["user"] = nlohmann::json::parse(user);
    contained();
    start_over();
  }
}

TEST_P(State, J12_EnvironmentOutOfBounds) {
  auto& env = scene().bundle.config["process"]["env"];
  env.push_back("NO_SIGN");
  refused("E_STATE_FIELD");
  env = nlohmann::json::array();
  for (int i = 0; i < 100'000; ++i) env.push_back("NVIDIA_" + std::to_string(i) + "=x");
  refused("E_STATE_LIMIT");
  env = {7};
  env.push_back("NVIDIA_VISIBLE_DEVICES=all");
  refused("E_STATE_FIELD");
  env = {{"NVIDIA_VISIBLE_DEVICES", "all"}};
  refused("E_STATE_FIELD");
}

// config.json says what somebody wished, /proc/<pid>/uid_map what is so.
TEST_P(State, J13_MappingsThatAreNotTheKernels) {
  scene().container.user_namespace = TestContainer::UserNamespace::from(100'000, 65'536);
  const nlohmann::json wrong = {{{"containerID", 0}, {"hostID", 200'000}, {"size", 65'536}}};
  scene().bundle.config["linux"] = {{"uidMappings", wrong}, {"gidMappings", wrong}};

  contained();
  struct stat status{};
  ASSERT_EQ(::lstat(container().inside("/usr/lib/x86_64-linux-gnu/libcuda.so.1").c_str(), &status),
            0);
  EXPECT_EQ(status.st_uid, 100'000U);
  EXPECT_EQ(status.st_gid, 100'000U);
}

TEST_P(State, J14_AnnotationsAskForNothing) {
  scene().bundle.config["process"]["env"] = {"PATH=/bin"};
  scene().bundle.config["annotations"] = {{"NVIDIA_VISIBLE_DEVICES", "all"},
                                          {"nvidia.com/gpu", "all"},
                                          {"cdi.k8s.io/x", "nvidia.com/gpu=all"}};
  scene().state = state_with(
      "annotations", R"({"NVIDIA_VISIBLE_DEVICES":"all","env":"NVIDIA_VISIBLE_DEVICES=all"})");

  contained();

  EXPECT_TRUE(outcome().plan.mounts.empty());
  EXPECT_TRUE(outcome().plan.device_rules.empty());
}

INSTANTIATE_TEST_SUITE_P(Kernel, State, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
