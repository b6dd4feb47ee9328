// SPDX-License-Identifier: Apache-2.0
#include "nvhook/container/mountinfo.hpp"

#include <gtest/gtest.h>

namespace nvhook::container {
namespace {

TEST(Mountinfo, ReadsTheFieldsOfALine) {
  constexpr std::string_view kText =
      "36 35 98:0 /sub /mnt\\040two rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=c\n"
      "37 36 0:5 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n";

  const auto entries = parse_mountinfo(kText);

  ASSERT_TRUE(entries) << entries.error().text();
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ((*entries)[0].id, 36U);
  EXPECT_EQ((*entries)[0].parent, 35U);
  EXPECT_EQ((*entries)[0].root, "/sub");
  EXPECT_EQ((*entries)[0].mount_point, "/mnt two");
  EXPECT_TRUE((*entries)[0].shared);
  EXPECT_FALSE((*entries)[1].shared);
  EXPECT_EQ((*entries)[1].file_system, "cgroup");
  EXPECT_EQ((*entries)[1].super_options, "rw,devices");
}

TEST(Mountinfo, DoesNotTakeASlaveOrANameForShared) {
  const auto entries = parse_mountinfo("1 0 0:1 / /shared:9 rw master:3 - tmpfs shared:1 rw\n");

  ASSERT_TRUE(entries);
  EXPECT_FALSE(entries->front().shared);
}

TEST(Mountinfo, LeavesABrokenEscapeAlone) {
  const auto entries = parse_mountinfo("1 0 0:1 / /a\\04 rw - tmpfs t rw\n");

  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->front().mount_point, "/a\\04");
}

TEST(Mountinfo, RefusesLinesThatTheKernelDoesNotWrite) {
  for (const auto* text : {"x 0 0:1 / / rw - tmpfs t rw\n", "1 0 0:1 / / rw tmpfs t rw\n", "\n",
                           "1\n", "99999999999999999999 0 0:1 / / rw - tmpfs t rw\n"})
    EXPECT_FALSE(parse_mountinfo(text)) << text;
}

// Mount 20, on mount 1 or on what a line more says.
bool bound_onto_itself(const std::string& line, const std::string& more = {}) {
  const std::string text = "1 0 8:1 / / rw - ext4 sda rw\n" + more + line;
  const auto entries = parse_mountinfo(text);
  EXPECT_TRUE(entries);
  return is_bound_onto_itself(*entries, 20);
}

TEST(BoundOntoItself, IsWhatShowsTheDirectoryThatItCovers) {
  EXPECT_TRUE(bound_onto_itself("20 1 8:1 /var/lib/c/root /var/lib/c/root rw - ext4 sda rw\n"));
  // An engine has mounted the image there, on a disk of its own.
  const std::string engine = "5 1 8:2 /images /srv rw - ext4 sdb rw\n";
  EXPECT_TRUE(bound_onto_itself("20 5 8:2 /images/c /srv/c rw - ext4 sdb rw\n", engine));
  const std::string overlay = "6 1 0:50 / /run/c/rootfs rw - overlay overlay rw\n";
  EXPECT_TRUE(bound_onto_itself("20 6 0:50 / /run/c/rootfs rw - overlay overlay rw\n", overlay));
}

TEST(BoundOntoItself, IsNoMountThatBringsSomethingElse) {
  EXPECT_FALSE(bound_onto_itself("20 1 0:6 / /dev rw - devtmpfs udev rw\n"));
  EXPECT_FALSE(bound_onto_itself("20 1 8:1 /var/other /var/lib/c/root rw - ext4 sda rw\n"));
  EXPECT_FALSE(bound_onto_itself("20 1 8:1 / /var/lib/c/root rw - ext4 sda rw\n"));
  EXPECT_FALSE(bound_onto_itself("20 1 8:2 /var/lib/c /var/lib/c rw - ext4 sdb rw\n"));
  EXPECT_FALSE(bound_onto_itself("20 7 8:1 /r /r rw - ext4 sda rw\n"));  // on nothing we know
  EXPECT_FALSE(bound_onto_itself("21 1 8:1 /r /r rw - ext4 sda rw\n"));
}

// The root file system is mount 20, at /r.
std::optional<std::uint64_t> dev_of(std::string_view dev, std::string_view elsewhere = {}) {
  const std::string text =
      "20 1 0:50 / /r rw - overlay overlay rw\n21 20 0:51 / /r/proc rw - proc p rw\n" +
      std::string(dev) + std::string(elsewhere);
  const auto entries = parse_mountinfo(text);
  EXPECT_TRUE(entries);
  return dev_mount_of(*entries, 20);
}

TEST(DevMount, IsATmpfsOnTheRootThatIsNowhereElse) {
  EXPECT_EQ(dev_of("22 20 0:52 / /r/dev rw - tmpfs tmpfs rw\n"), 22U);
  EXPECT_EQ(dev_of("22 20 0:52 / /r/dev rw - tmpfs tmpfs rw\n",
                   "23 22 0:53 / /r/dev/shm rw - tmpfs shm rw\n"),
            22U);
}

TEST(DevMount, IsNoneWhereAVolumeOrTheHostsDevIs) {
  EXPECT_EQ(dev_of(""), std::nullopt);
  EXPECT_EQ(dev_of("22 20 0:6 / /r/dev rw - devtmpfs udev rw\n"), std::nullopt);
  EXPECT_EQ(dev_of("22 20 0:52 /sub /r/dev rw - tmpfs tmpfs rw\n"), std::nullopt);
  EXPECT_EQ(dev_of("22 20 0:52 / /r/dev rw - tmpfs tmpfs rw\n",
                   "9 1 0:52 / /run/volume rw - tmpfs tmpfs rw\n"),
            std::nullopt);
  // Over another mount at /dev, not on the root.
  EXPECT_EQ(
      dev_of("22 20 8:1 / /r/dev rw - ext4 sda rw\n", "24 22 0:52 / /r/dev rw - tmpfs t rw\n"),
      std::nullopt);
}

}  // namespace
}  // namespace nvhook::container
