// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "cgroup/v2_fixture.hpp"
#include "support/device_program_text.hpp"
#include "support/device_programs.hpp"

namespace nvhook::test {
namespace {

using cgroup::DeviceCgroup;
using Devices = std::vector<DeviceNumber>;
using Rules = std::vector<oci::DeviceRule>;
using Program = std::vector<bpf_insn>;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What runc gives a container by default.
const Program& of_runc() {
  static const auto program = from_file(NVHOOK_DEVICE_PROGRAMS "/runc_default.txt");
  return program;
}
const Program kYes = from_text("b7 r0 r0 +0 1\n95 r0 r0 +0 0\n");
const Rules kSpecRules = {
    {.allow = false, .type = "", .major = {}, .minor = {}, .access = "rwm"},
    {.allow = true, .type = "c", .major = 203, .minor = 1, .access = "r"},
};

// It may be granted: no driver has the major 195 on a machine without NVIDIA's.
constexpr DeviceNumber kGpu0{195, 0};
constexpr DeviceNumber kGpu1{195, 1};
constexpr DeviceNumber kControl{195, 255};

class AllowOnV2 : public OnCgroupV2 {
 protected:
  void SetUp() override {
    OnCgroupV2::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    container_.emplace("/sys/fs/cgroup");
    auto found = find(container_->pid());
    ASSERT_TRUE(found) << found.error().text();
    cgroup_ = std::move(*found);
  }
  void TearDown() override {
    container_.reset();
    OnCgroupV2::TearDown();
  }

  UniqueFd attach(const Program& program, std::uint32_t flags = BPF_F_ALLOW_MULTI) {
    auto loaded = load_device_program(program);
    EXPECT_EQ(attach_device_program(container_->path(), loaded.get(), flags), 0);
    return loaded;
  }
  [[nodiscard]] AttachedPrograms attached() const { return device_programs_of(container_->path()); }
  [[nodiscard]] std::vector<std::string> texts() const {
    return texts_of_device_programs(container_->path());
  }
  Result<cgroup::Granted> allow(const Devices& devices, const Rules& rules = {}) {
    return cgroup::allow(cgroup_, devices, rules);
  }
  std::string complaint_of_allowing(const Devices& devices, const Rules& rules = {}) {
    const auto granted = allow(devices, rules);
    return granted ? "granted" : granted.error().text();
  }
  [[nodiscard]] bool may_open(DeviceNumber device, int flags = O_RDWR) const {
    return container_->open_device(device.major, device.minor, flags) != EPERM;
  }

  std::optional<V2Cgroup> container_;
  DeviceCgroup cgroup_;
};

TEST_F(AllowOnV2, OpensExactlyWhatIsGranted) {
  attach(of_runc());
  ASSERT_FALSE(may_open(kGpu0));

  const auto granted = allow({kGpu0, kControl});

  ASSERT_TRUE(granted) << granted.error().text();
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR}) {
    EXPECT_TRUE(may_open(kGpu0, flags));
    EXPECT_TRUE(may_open(kControl, flags));
    EXPECT_FALSE(may_open(kGpu1, flags));
    EXPECT_FALSE(may_open({194, 0}, flags));
  }
  EXPECT_TRUE(may_open({1, 3})) << "what was allowed before";
  EXPECT_EQ(container_->make_node(195, 0), 0) << "nodes could be made before";
}

// Where nodes could not be made before they cannot be made now.
TEST_F(AllowOnV2, DoesNotLetNodesBeMade) {
  attach(from_text("b7 r0 r0 +0 0\n95 r0 r0 +0 0\n"));

  ASSERT_TRUE(allow({kGpu0}));

  EXPECT_TRUE(may_open(kGpu0));
  EXPECT_EQ(container_->make_node(195, 0), EPERM);
}

TEST_F(AllowOnV2, GoesThroughAnODirectoryThatIsOnlyHeld) {
  EXPECT_NE(::fcntl(cgroup_.directory.get(), F_GETFL) & O_PATH, 0);
}

TEST_F(AllowOnV2, ExchangesEachOfSeveralProgramsAndNoneTwice) {
  attach(of_runc());
  attach(from_file(NVHOOK_DEVICE_PROGRAMS "/systemd_strict.txt"));
  attach(kYes);
  const auto before = attached();
  ASSERT_THAT(before.ids, SizeIs(3));

  ASSERT_TRUE(allow({kGpu0}));

  EXPECT_TRUE(may_open(kGpu0));
  EXPECT_FALSE(may_open(kGpu1));
  EXPECT_EQ(attached().flags, before.flags);
  EXPECT_THAT(attached().ids, SizeIs(3));
  for (const auto& text : texts()) EXPECT_THAT(text, HasSubstr("# if r3 != 195"));
}

TEST_F(AllowOnV2, AttachesNothingWhereNothingIsAttached) {
  const auto granted = allow({kGpu0});

  ASSERT_TRUE(granted) << granted.error().text();
  EXPECT_THAT(granted->programs, IsEmpty());
  EXPECT_THAT(attached().ids, IsEmpty());
}

TEST_F(AllowOnV2, DoesNothingWhereAllIsGrantedAlready) {
  attach(of_runc());
  ASSERT_TRUE(allow({kGpu0, kGpu1, kControl}));
  const auto before = attached();

  const auto granted = allow({kControl, kGpu0, kGpu0});

  ASSERT_TRUE(granted);
  EXPECT_THAT(granted->programs, IsEmpty());
  EXPECT_EQ(attached(), before);
}

TEST_F(AllowOnV2, AddsToWhatItGrantedBefore) {
  attach(of_runc());
  ASSERT_TRUE(allow({kGpu0}));
  ASSERT_TRUE(allow({kGpu1}));
  const auto in_two_steps = texts();

  EXPECT_TRUE(may_open(kGpu0));
  EXPECT_TRUE(may_open(kGpu1));
  EXPECT_THAT(in_two_steps, ElementsAre(HasSubstr("if r4 == 0 goto +1")));
}

// After systemd has come with a program of its own, only that one is to be exchanged.
TEST_F(AllowOnV2, ExchangesOnlyWhatDoesNotGrantYet) {
  attach(of_runc());
  ASSERT_TRUE(allow({kGpu0}));
  const auto first = attached().ids.front();
  attach(from_file(NVHOOK_DEVICE_PROGRAMS "/systemd_closed.txt"));
  ASSERT_FALSE(may_open(kGpu0));

  const auto granted = allow({kGpu0});

  ASSERT_TRUE(granted) << granted.error().text();
  EXPECT_THAT(granted->programs, SizeIs(1));
  EXPECT_EQ(attached().ids.front(), first);
  EXPECT_TRUE(may_open(kGpu0));
}

TEST_F(AllowOnV2, LeavesSystemdsProgramWhereItIsToldTo) {
  attach(of_runc());
  const auto systemds = load_device_program(kYes, "sd_devices");
  ASSERT_EQ(attach_device_program(container_->path(), systemds.get()), 0);
  const auto before = attached().ids;

  const auto granted = cgroup::allow(cgroup_, {kGpu0}, {}, cgroup::Leave::OfSystemd);

  ASSERT_TRUE(granted) << granted.error().text();
  EXPECT_THAT(granted->programs, SizeIs(1));
  EXPECT_TRUE(may_open(kGpu0));
  EXPECT_NE(attached().ids.front(), before.front());
  EXPECT_EQ(attached().ids.back(), before.back());
  ASSERT_TRUE(allow({kGpu0}));
  EXPECT_NE(attached().ids.back(), before.back());
}

TEST_F(AllowOnV2, CanBeTakenBack) {
  attach(of_runc());
  attach(from_file(NVHOOK_DEVICE_PROGRAMS "/systemd_strict.txt"));
  const auto before = attached();
  const auto granted = allow({kGpu0});
  ASSERT_TRUE(granted);
  ASSERT_NE(attached(), before);

  EXPECT_TRUE(cgroup::forbid(cgroup_, *granted));

  EXPECT_EQ(attached(), before) << "the very programs";
  EXPECT_FALSE(may_open(kGpu0));
}

// Somebody else's decision of meanwhile stands.
TEST_F(AllowOnV2, TakesBackOnlyWhatStillStands) {
  attach(of_runc());
  const auto granted = allow({kGpu0});
  ASSERT_TRUE(granted);
  ASSERT_EQ(detach_device_program(container_->path(), granted->programs.front().ours.get()), 0);
  attach(kYes);
  const auto theirs = attached();

  EXPECT_TRUE(cgroup::forbid(cgroup_, *granted));

  EXPECT_EQ(attached(), theirs);
}

TEST_F(AllowOnV2, LeavesNoProgramBehind) {
  attach(of_runc());
  std::uint32_t ours = 0;
  {
    const auto granted = allow({kGpu0});
    ASSERT_TRUE(granted);
    ASSERT_THAT(attached().ids, SizeIs(1));
    ours = attached().ids.front();
    ASSERT_TRUE(device_program_by_id(ours));
    ASSERT_TRUE(cgroup::forbid(cgroup_, *granted));
  }
  // A program that is in use nowhere goes after a grace period of the kernel's.
  for (int tries = 0; tries < 500 && device_program_by_id(ours); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(device_program_by_id(ours));
}

class AllowWhereOneProgramMayBe : public AllowOnV2,
                                  public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(AllowWhereOneProgramMayBe, KeepsTheFlags) {
  attach(of_runc(), GetParam());
  const auto before = attached();
  ASSERT_EQ(before.flags, GetParam());

  const auto granted = allow({kGpu0});

  ASSERT_TRUE(granted) << granted.error().text();
  EXPECT_EQ(attached().flags, GetParam());
  EXPECT_THAT(attached().ids, SizeIs(1));
  EXPECT_TRUE(may_open(kGpu0));
  EXPECT_FALSE(may_open(kGpu1));
  EXPECT_TRUE(cgroup::forbid(cgroup_, *granted));
  EXPECT_EQ(attached(), before);
}

INSTANTIATE_TEST_SUITE_P(Flags, AllowWhereOneProgramMayBe,
                         ::testing::Values(0U, std::uint32_t{BPF_F_ALLOW_OVERRIDE}));

// With these flags the kernel attaches a program in the place of whichever is there.
TEST_P(AllowWhereOneProgramMayBe, TakesBackOnlyWhatStillStands) {
  attach(of_runc(), GetParam());
  const auto granted = allow({kGpu0});
  ASSERT_TRUE(granted) << granted.error().text();
  attach(kYes, GetParam());
  const auto theirs = attached();

  EXPECT_TRUE(cgroup::forbid(cgroup_, *granted));

  EXPECT_EQ(attached(), theirs);
}

// Longer than the 4096 instructions that kernels before 5.2 take, and than a jump can reach.
TEST_F(AllowOnV2, TakesVeryLongPrograms) {
  for (const std::size_t size : {4096U, 60000U}) {
    Program program(size - 2, from_text("b7 r0 r0 +0 0\n").front());
    program.insert(program.end(),
                   {from_text("b7 r0 r0 +0 0\n").front(), from_text("95 r0 r0 +0 0\n").front()});
    const auto loaded = attach(program);

    const auto granted = allow({kGpu0});

    ASSERT_TRUE(granted) << granted.error().text();
    EXPECT_TRUE(may_open(kGpu0));
    EXPECT_FALSE(may_open(kGpu1));
    EXPECT_TRUE(cgroup::forbid(cgroup_, *granted));
    detach_device_program(container_->path(), loaded.get());
  }
}

// No room for one more, not even for a moment: E2BIG.
TEST_F(AllowOnV2, LeavesAFullCgroupAsItIs) {
  for (int i = 0; i < 64; ++i) attach(of_runc());
  const auto before = attached();
  ASSERT_THAT(before.ids, SizeIs(64));

  EXPECT_THAT(complaint_of_allowing({kGpu0}), HasSubstr("E_CGROUP"));

  EXPECT_EQ(attached(), before);
}

// bpf_get_prandom_u32: the kernel shows calls with what it has made of them.
const Program kWithACall = from_text("85 r0 r0 +0 7\nb7 r0 r0 +0 0\n95 r0 r0 +0 0\n");

TEST_F(AllowOnV2, MakesAProgramAnewThatCannotBeLoadedAgain) {
  attach(kWithACall);

  const auto granted = allow({kGpu0}, kSpecRules);

  ASSERT_TRUE(granted) << granted.error().text();
  EXPECT_TRUE(may_open(kGpu0));
  EXPECT_FALSE(may_open(kGpu1));
  EXPECT_TRUE(may_open({203, 1}, O_RDONLY)) << "as config.json says";
  EXPECT_FALSE(may_open({203, 1}, O_RDWR));
  EXPECT_FALSE(may_open({203, 0}, O_RDONLY));
  EXPECT_TRUE(may_open({1, 3})) << "as every runtime lets a container";
}

// Which of them is the runtime's, nobody can tell.
TEST_F(AllowOnV2, DoesNotGuessWhichOfSeveralProgramsIsTheRuntimes) {
  attach(of_runc());
  attach(kWithACall);
  const auto before = attached();

  EXPECT_THAT(complaint_of_allowing({kGpu0}, kSpecRules),
              AllOf(HasSubstr("E_CGROUP"), HasSubstr("one of 2")));

  EXPECT_EQ(attached(), before);
}

TEST_F(AllowOnV2, SaysWhyAProgramCannotBeMadeAnew) {
  attach(kWithACall);
  const auto before = attached();
  const Rules unclear = {{.allow = true, .type = "a", .major = 195, .minor = {}, .access = "rw"}};

  EXPECT_THAT(complaint_of_allowing({kGpu0}, unclear),
              AllOf(HasSubstr("E_CGROUP"), HasSubstr("nor can it be made again from config.json"),
                    HasSubstr("linux.resources.devices[0]")));

  EXPECT_EQ(attached(), before);
}

// A link holds its program: it cannot be exchanged by attaching another.
TEST_F(AllowOnV2, LeavesAProgramThatALinkHolds) {
  const auto program = load_device_program(of_runc());
  const UniqueFd directory(::open(container_->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program.get());
  attributes.link_create.target_fd = static_cast<std::uint32_t>(directory.get());
  attributes.link_create.attach_type = BPF_CGROUP_DEVICE;
  const UniqueFd link(
      static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes)));
  ASSERT_TRUE(link) << std::strerror(errno);
  const auto before = attached();

  EXPECT_THAT(complaint_of_allowing({kGpu0}), AllOf(HasSubstr("E_CGROUP"), HasSubstr("link")));

  EXPECT_EQ(attached(), before);
}

TEST_F(AllowOnV2, NoticesThatTheProcessHasMoved) {
  attach(of_runc());
  const auto before = attached();
  move_to_cgroup(container_->pid(), "/sys/fs/cgroup");

  EXPECT_THAT(complaint_of_allowing({kGpu0}), HasSubstr("does not hold process"));

  EXPECT_EQ(attached(), before);
  move_to_cgroup(container_->pid(), container_->path());
}

// Another process exchanges the program all the time, by the same call. Whenever ours succeeds its
// grants are in the program that is attached then, and whatever happens there is one program.
TEST_F(AllowOnV2, LosesNothingAgainstSomebodyWhoExchangesProgramsToo) {
  auto ours = attach(of_runc());
  std::atomic<bool> stop = false;
  std::thread other([&] {
    const UniqueFd directory(
        ::open(container_->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    while (!stop) {
      const auto ids = attached().ids;
      if (ids.size() != 1) continue;
      const auto before = device_program_by_id(ids.front());
      const auto after = load_device_program(of_runc());
      bpf_attr attributes;
      std::memset(&attributes, 0, sizeof attributes);
      attributes.target_fd = static_cast<std::uint32_t>(directory.get());
      attributes.attach_bpf_fd = static_cast<std::uint32_t>(after.get());
      attributes.attach_type = BPF_CGROUP_DEVICE;
      attributes.attach_flags = BPF_F_ALLOW_MULTI | BPF_F_REPLACE;
      attributes.replace_bpf_fd = static_cast<std::uint32_t>(before.get());
      ::syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes);
    }
  });
  int done = 0;
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    const auto granted = allow({kGpu0});
    if (granted)
      ++done;
    else
      ++refused;
    EXPECT_THAT(attached().ids, SizeIs(1));
    if (granted) (void)cgroup::forbid(cgroup_, *granted);
  }
  stop = true;
  other.join();

  EXPECT_THAT(attached().ids, SizeIs(1));
  EXPECT_GT(done, 0);
  std::printf("%d done, %d refused\n", done, refused);
}

}  // namespace
}  // namespace nvhook::test
