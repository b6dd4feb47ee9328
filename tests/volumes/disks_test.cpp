// SPDX-License-Identifier: Apache-2.0
// Stores on file systems of their own: another one than the driver's, a full one, one that is
// read-only.
#include "nvhook/volumes/plugin.hpp"
#include "volumes/store_fixture.hpp"

namespace nvhook::volumes {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ContainerEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class StoreOnDisks : public test::StoreFixture {
 protected:
  void SetUp() override {
    if (!own_mounts()) GTEST_SKIP() << "needs root: mount(2)";
  }

  void remount_read_only() {
    ASSERT_EQ(::mount(nullptr, path("/store").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr),
              0);
  }

  // What the plugin says to a call of the volume's.
  [[nodiscard]] std::string said_to(std::string_view call) const {
    Plugin plugin(
        store(), [this] { return Result<Contents>(contents()); }, [](std::string_view) {});
    return *plugin
                .answer({.method = http::Method::Post,
                         .path = "/VolumeDriver." + std::string(call),
                         .query = {},
                         .accept = {},
                         .body = R"({"Name":"nvidia_driver_361.48","ID":"a"})"})
                .body;
  }
};

TEST_F(StoreOnDisks, CopyFromAnotherFileSystem) {
  mount_memory("/store");

  const auto created = store().create(contents());

  EXPECT_EQ(told(created), "made");
  EXPECT_EQ(created->copied, 4U);
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  EXPECT_EQ(content_of(path("/store/nvidia_driver/361.48/lib64/libcuda.so.1")), "cuda");
  EXPECT_EQ(told(store().create(contents())), "kept");
  fs::permissions(path("/driver/nvidia-smi"), fs::perms{0700});
  EXPECT_EQ(told(store().create(contents())), "renewed");
  EXPECT_EQ(told(store().remove(version())), "removed");
  EXPECT_THAT(files_in(path("/store")), ElementsAre(".nvhook/lock"));
}

// Not even on the same file system can a link cross mounts.
TEST_F(StoreOnDisks, CopyFromAnotherMount) {
  ASSERT_EQ(::mount(path("/driver").c_str(), path("/driver").c_str(), nullptr, MS_BIND, nullptr),
            0);
  mounted_.push_back(path("/driver"));

  const auto created = store().create(contents());

  EXPECT_EQ(told(created), "made");
  EXPECT_EQ(created->linked, 0U);
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
}

TEST_F(StoreOnDisks, LeaveNothingBehindWhereThereIsNoRoom) {
  mount_memory("/store", "mode=755,size=256k");
  put("/driver/libcuda.so.361.48", std::string(std::size_t{1} << 20U, 'x'));

  EXPECT_THAT(told(store().create(contents())),
              AllOf(StartsWith("E_NOSPC: write \"libcuda.so.361.48\""),
                    HasSubstr("No space left on device")));

  EXPECT_FALSE(store().has(version()).value());
  EXPECT_THAT(remains(), IsEmpty());
  put("/driver/libcuda.so.361.48", "cuda");
  EXPECT_EQ(told(store().create(contents())), "made");
}

TEST_F(StoreOnDisks, LeaveNothingBehindWhereThereAreNoInodes) {
  for (const int inodes : {4, 6, 8, 10, 12, 14, 16, 18, 20}) {
    const auto options = "mode=755,nr_inodes=" + std::to_string(inodes);
    mount_memory("/store", options.c_str());

    const auto said = told(store().create(contents()));

    EXPECT_THAT(said, ::testing::AnyOf("made", StartsWith("E_NOSPC: "))) << inodes;
    EXPECT_EQ(store().has(version()).value(), said == "made") << inodes;
    if (fs::exists(path("/store/.nvhook"))) {
      EXPECT_THAT(remains(), IsEmpty()) << inodes;
    }
    TearDown();
  }
}

// Containers start and volumes go all the same.
TEST_F(StoreOnDisks, ServeWhatIsThereWhereThereIsNoRoomAnyMore) {
  mount_memory("/store", "mode=755,size=256k");
  ASSERT_EQ(told(store().create(contents())), "made");
  std::ofstream(path("/store/full")) << std::string(std::size_t{1} << 20U, 'x');

  EXPECT_THAT(said_to("Mount"), HasSubstr("\"Err\":null"));
  EXPECT_THAT(said_to("Create"), HasSubstr("\"Err\":null"));
  EXPECT_THAT(said_to("Get"), HasSubstr("\"Err\":null"));
  EXPECT_THAT(said_to("Unmount"), HasSubstr("\"Err\":null"));
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  fs::permissions(path("/driver/nvidia-smi"), fs::perms{0700});
  EXPECT_THAT(said_to("Create"), HasSubstr("No space left on device"));
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
  EXPECT_THAT(remains(), IsEmpty());
  EXPECT_THAT(said_to("Remove"), HasSubstr("\"Err\":null"));
  EXPECT_FALSE(store().has(version()).value());
}

// Else a volume would count as in use until the next boot, and could not be removed to make room.
TEST_F(StoreOnDisks, NoteTheEndOfAMountWhereThereIsNoRoomAnyMore) {
  mount_memory("/store", "mode=755,size=256k");
  ASSERT_EQ(told(store().create(contents())), "made");
  for (const auto* container : {"a", "b", "c"}) ASSERT_TRUE(store().mount(version(), container));
  std::ofstream(path("/store/full")) << std::string(std::size_t{1} << 20U, 'x');
  ASSERT_FALSE(store().mount(version(), "d"));

  EXPECT_EQ(error_of(store().unmount(version(), "b")), "none");
  EXPECT_EQ(store().mounts_of(version()).value(), 2U);
  EXPECT_EQ(error_of(store().unmount(version(), "a")), "none");
  EXPECT_EQ(error_of(store().unmount(version(), "c")), "none");
  EXPECT_EQ(store().mounts_of(version()).value(), 0U);
  EXPECT_EQ(told(store().remove(version())), "removed");
}

TEST_F(StoreOnDisks, ServeWhatIsThereWhereNothingCanBeWritten) {
  mount_memory("/store");
  ASSERT_EQ(told(store().create(contents())), "made");
  remount_read_only();

  EXPECT_THAT(said_to("Create"), HasSubstr("\"Err\":null"));
  EXPECT_THAT(said_to("Get"), HasSubstr("\"Err\":null"));
  EXPECT_THAT(said_to("Mount"), HasSubstr("\"Err\":null"));
  EXPECT_THAT(said_to("Unmount"), HasSubstr("\"Err\":null"));
  EXPECT_THAT(said_to("Remove"), HasSubstr("Read-only file system"));
  EXPECT_THAT(told(store().create(contents("370.1"))),
              AllOf(StartsWith("E_STORE: "), HasSubstr("Read-only file system")));
  EXPECT_THAT(volume_files(), ContainerEq(all_files()));
}

TEST_F(StoreOnDisks, SayThatNothingCanBeMadeOnAReadOnlyOne) {
  mount_memory("/store");
  remount_read_only();

  EXPECT_THAT(said_to("Create"), AllOf(StartsWith("{\"Err\":\"E_STORE: "), HasSubstr(": make "),
                                       HasSubstr("Read-only file system")));
  EXPECT_THAT(said_to("List"), HasSubstr("{\"Volumes\":null,\"Err\":null}"));
}

// A file may have become immutable, or a mount point.
TEST_F(StoreOnDisks, MakeVolumesThoughAnOldOneCannotBeTakenApart) {
  const auto volumes = store();
  ASSERT_EQ(told(volumes.create(contents())), "made");
  ASSERT_TRUE(volumes.mount(version(), "container"));
  fs::permissions(path("/driver/nvidia-smi"), fs::perms{0700});
  ASSERT_EQ(told(volumes.create(contents())), "renewed");
  ASSERT_EQ(remains().size(), 1U);
  const auto stuck = path("/store/.nvhook/" + remains().front() + "/lib64/libcuda.so.361.48");
  ASSERT_EQ(::mount(stuck.c_str(), stuck.c_str(), nullptr, MS_BIND, nullptr), 0);
  mounted_.push_back(stuck);

  EXPECT_EQ(error_of(volumes.unmount(version(), "container")), "none");
  EXPECT_EQ(volumes.mounts_of(version()).value(), 0U);
  EXPECT_EQ(told(volumes.create(contents("370.1"))), "made");
  EXPECT_THAT(volumes.prune(version("370.1")).value_or(Pruned{}).removed, ElementsAre("361.48"));
  EXPECT_EQ(remains().size(), 1U);
  TearDown();
  EXPECT_EQ(told(volumes.create(contents("375.2"))), "made");
  EXPECT_THAT(remains(), IsEmpty());
}

TEST_F(StoreOnDisks, RemoveAVolumeThatCannotBeTakenApartYet) {
  ASSERT_EQ(told(store().create(contents())), "made");
  const auto stuck = path("/store/nvidia_driver/361.48/lib64/libcuda.so.361.48");
  ASSERT_EQ(::mount(stuck.c_str(), stuck.c_str(), nullptr, MS_BIND, nullptr), 0);

  EXPECT_THAT(said_to("Remove"), HasSubstr("\"Err\":null"));
  EXPECT_FALSE(store().has(version()).value());
  ASSERT_THAT(remains(), ElementsAre(StartsWith("old-361.48-")));
  mounted_.push_back(path("/store/.nvhook/" + remains().front() + "/lib64/libcuda.so.361.48"));
  TearDown();
  EXPECT_EQ(told(store().create(contents())), "made");
  EXPECT_THAT(remains(), IsEmpty());
}

// No container could use what is in it.
TEST_F(StoreOnDisks, V03_RefusesANoexecMount) {
  mount_memory("/store", "mode=755", MS_NOEXEC);

  EXPECT_THAT(error_of(Store::open(options())),
              AllOf(StartsWith("E_STORE: "), HasSubstr("noexec")));
}

}  // namespace
}  // namespace nvhook::volumes
