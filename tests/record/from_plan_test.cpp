// SPDX-License-Identifier: Apache-2.0
#include "nvhook/record/from_plan.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "record/sample.hpp"

namespace nvhook::record {
namespace {

using plan::CacheAction;
using plan::Kind;
using plan::State;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

plan::Mount mount_at(std::string target, bool makes_point, State state = State::Mount) {
  plan::Mount mount;
  mount.state = state;
  mount.source = {"/host" + target};
  mount.target = {std::move(target)};
  mount.makes_point = makes_point;
  return mount;
}

Object object(ObjectKind kind, std::string path) {
  Object made;
  made.kind = kind;
  made.path = {std::move(path)};
  return made;
}

Object covering(std::string path) {
  auto made = object(ObjectKind::Mount, std::move(path));
  made.creates = false;
  return made;
}

Object link(std::string path, std::string text, std::optional<std::string> replaces = {}) {
  auto made = object(ObjectKind::Link, std::move(path));
  made.text = std::move(text);
  made.replaces = std::move(replaces);
  return made;
}

Object file(std::string path, std::string_view bytes) {
  auto made = object(ObjectKind::File, std::move(path));
  made.content = Fingerprint{bytes.size(), hash_of(bytes)};
  return made;
}

class RecordOfAPlan : public ::testing::Test {
 protected:
  RecordOfAPlan() {
    plan_.container = {.id = "c1", .pid = 4711, .bundle = "/b", .rootfs = "/b/rootfs"};
  }

  [[nodiscard]] Record record() const {
    return from_plan(plan_, test::sample_record().identity, {45, 4242}, "runc-c1.scope");
  }

  plan::Plan plan_;
};

TEST_F(RecordOfAPlan, SaysWhoseItIs) {
  const auto made = record();

  EXPECT_EQ(made.id, "c1");
  EXPECT_EQ(made.bundle, "/b");
  EXPECT_EQ(made.rootfs, "/b/rootfs");
  EXPECT_EQ(made.root, (FileId{45, 4242}));
  EXPECT_EQ(made.pid, 4711);
  EXPECT_EQ(made.hook, ::getpid());
  EXPECT_EQ(made.scope, "runc-c1.scope");
  EXPECT_EQ(made.identity, test::sample_record().identity);
  EXPECT_THAT(made.devices, IsEmpty());
  EXPECT_THAT(made.objects, IsEmpty());
}

TEST_F(RecordOfAPlan, SaysWhereTheNodesAreOnTheHost) {
  plan_.mounts = {mount_at("/dev/nvidia0", true),
                  mount_at("/dev/nvidiactl", false, State::Present)};
  plan_.devices = {
      {{"/dev/nvidia0"}, {195, 0}}, {{"/dev/nvidiactl"}, {195, 255}}, {{"/dev/other"}, {195, 254}}};

  EXPECT_THAT(record().devices,
              ElementsAre(Device{{"/dev/nvidia0"}, {"/host/dev/nvidia0"}, {195, 0}},
                          Device{{"/dev/nvidiactl"}, {"/host/dev/nvidiactl"}, {195, 255}},
                          Device{{"/dev/other"}, {"/dev/char/195:254"}, {195, 254}}));
}

TEST_F(RecordOfAPlan, HasEverythingInTheOrderInWhichItIsMade) {
  plan_.directories = {{"/usr/lib"}, {"/usr/lib/deep"}};
  plan_.mounts = {mount_at("/usr/lib/deep/new", true), mount_at("/usr/lib/deep/old", false),
                  mount_at("/dev/nvidia0", false, State::Present)};
  plan_.symlinks = {{{"/usr/lib/deep/link"}, "new", std::nullopt},
                    {{"/usr/lib/deep/stale"}, "new", "old"}};
  plan_.files = {{{"/etc/ld.so.conf.d/00-nvhook.conf"}, "/usr/lib/deep\n"}};
  plan_.loader.action = CacheAction::Create;
  plan_.loader.path = {"/etc/ld.so.cache"};
  plan_.loader.bytes = "ours";

  EXPECT_THAT(
      record().objects,
      ElementsAre(object(ObjectKind::Directory, "/usr/lib"),
                  object(ObjectKind::Directory, "/usr/lib/deep"),
                  object(ObjectKind::Mount, "/usr/lib/deep/new"), covering("/usr/lib/deep/old"),
                  link("/usr/lib/deep/link", "new"), link("/usr/lib/deep/stale", "new", "old"),
                  file("/etc/ld.so.conf.d/00-nvhook.conf", "/usr/lib/deep\n"),
                  file("/etc/ld.so.cache", "ours")));
}

TEST_F(RecordOfAPlan, HasATreeAsAMountOnADirectory) {
  plan_.directories = {{"/usr/local/nvidia"}};
  plan_.tree = ContainerPath{"/usr/local/nvidia"};
  plan_.symlinks = {{{"/usr/bin/nvidia-smi"}, "/usr/local/nvidia/bin/nvidia-smi", std::nullopt}};

  EXPECT_THAT(
      record().objects,
      ElementsAre(object(ObjectKind::Directory, "/usr/local/nvidia"), covering("/usr/local/nvidia"),
                  link("/usr/bin/nvidia-smi", "/usr/local/nvidia/bin/nvidia-smi")));
}

// Kernels without detached mounts have the tree in the container's root itself.
TEST_F(RecordOfAPlan, HasTheDirectoriesInATreeOnceEach) {
  plan_.directories = {{"/usr/local/nvidia"}};
  plan_.tree = ContainerPath{"/usr/local/nvidia"};
  plan_.mounts = {mount_at("/usr/local/nvidia/lib64/a", true),
                  mount_at("/usr/local/nvidia/lib64/b", true), mount_at("/dev/nvidia0", true)};
  plan_.symlinks = {{{"/usr/local/nvidia/lib/link"}, "x", std::nullopt},
                    {{"/usr/bin/nvidia-smi"}, "y", std::nullopt}};

  EXPECT_THAT(
      record().objects,
      ElementsAre(object(ObjectKind::Directory, "/usr/local/nvidia"), covering("/usr/local/nvidia"),
                  object(ObjectKind::Directory, "/usr/local/nvidia/lib64"),
                  object(ObjectKind::Directory, "/usr/local/nvidia/lib"),
                  object(ObjectKind::Mount, "/usr/local/nvidia/lib64/a"),
                  object(ObjectKind::Mount, "/usr/local/nvidia/lib64/b"),
                  object(ObjectKind::Mount, "/dev/nvidia0"),
                  link("/usr/local/nvidia/lib/link", "x"), link("/usr/bin/nvidia-smi", "y")));
}

TEST_F(RecordOfAPlan, HasNoDirectoriesThatTheImageMayHaveItself) {
  plan_.tree = ContainerPath{"/usr/local/nvidia"};
  plan_.mounts = {mount_at("/usr/local/nvidia/lib64/a", true)};

  EXPECT_THAT(record().objects,
              ElementsAre(covering("/usr/local/nvidia"),
                          object(ObjectKind::Mount, "/usr/local/nvidia/lib64/a")));
}

TEST_F(RecordOfAPlan, SaysWhatALoadersFileTakesThePlaceOf) {
  plan_.loader.action = CacheAction::Merge;
  plan_.loader.path = {"/etc/ld.so.cache"};
  plan_.loader.bytes = "merged";
  plan_.loader.former =
      plan::Former{.link_text = {},
                   .content = {.bytes = "theirs", .mode = 0640, .owner = 100000, .group = 100001}};
  auto expected = file("/etc/ld.so.cache", "merged");
  expected.former = Former{.link_text = {}, .mode = 0640, .owner = 100000, .group = 100001};
  EXPECT_THAT(record().objects, ElementsAre(expected));

  plan_.loader.former->link_text = "../var/cache";
  expected.former->link_text = "../var/cache";
  EXPECT_THAT(record().objects, ElementsAre(expected));
}

TEST_F(RecordOfAPlan, HasALoadersFileThatIsMountedAsAMount) {
  plan_.loader.action = CacheAction::Bind;
  plan_.loader.path = {"/etc/ld.so.cache"};
  plan_.loader.former = plan::Former{};

  EXPECT_THAT(record().objects, ElementsAre(covering("/etc/ld.so.cache")));
}

TEST_F(RecordOfAPlan, HasNoLoadersFileWhereThereIsNone) {
  for (const auto action : {CacheAction::None, CacheAction::Unknown}) {
    plan_.loader.action = action;
    EXPECT_THAT(record().objects, IsEmpty());
  }
}

TEST_F(RecordOfAPlan, CanBeWrittenAndRead) {
  plan_.directories = {{"/usr/lib"}};
  plan_.tree = ContainerPath{"/dev/.nvhook"};
  plan_.mounts = {mount_at("/dev/.nvhook/lib64/a", true)};
  plan_.files = {{{"/etc/file"}, "content"}};
  plan_.loader.action = CacheAction::MuslPath;
  plan_.loader.path = {"/etc/ld-musl-x86_64.path"};
  plan_.loader.former = plan::Former{.link_text = "x", .content = {}};

  const auto text = to_json(record());

  ASSERT_TRUE(text) << text.error().text();
  EXPECT_EQ(parse(*text), record());
}

}  // namespace
}  // namespace nvhook::record
