// SPDX-License-Identifier: Apache-2.0
#include "cgroup/hierarchy.hpp"

#include <gmock/gmock.h>

namespace nvhook::cgroup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<Hierarchy> of(std::string_view mountinfo, Version version) {
  const auto mounts = container::parse_mountinfo(mountinfo);
  EXPECT_TRUE(mounts);
  return mounts ? hierarchies(*mounts, version) : std::vector<Hierarchy>{};
}

constexpr std::string_view kHybrid =
    "24 1 0:22 / /sys rw - sysfs sysfs rw\n"
    "30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
    "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
    "32 30 0:28 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
    "33 30 0:29 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n";

TEST(Hierarchies, AreToldApart) {
  EXPECT_THAT(of(kHybrid, Version::V1), ElementsAre(Hierarchy{"/sys/fs/cgroup/devices", "/", 33}));
  EXPECT_THAT(of(kHybrid, Version::V2), ElementsAre(Hierarchy{"/sys/fs/cgroup/unified", "/", 31}));
}

TEST(Hierarchies, ShareTheirMountWithOtherControllers) {
  EXPECT_THAT(
      of("33 30 0:29 / /cg/both rw - cgroup cgroup rw,freezer,devices,xattr\n", Version::V1),
      ElementsAre(Hierarchy{"/cg/both", "/", 33}));
  EXPECT_THAT(of("33 30 0:29 / /cg/devices rw - cgroup devices rw,name=devices\n", Version::V1),
              IsEmpty());
}

TEST(Hierarchies, HaveTheRootAndTheNameThatTheirMountHas) {
  EXPECT_THAT(of("9 1 0:29 /docker/a\\040b /a\\040\\134b rw - cgroup2 none rw\n", Version::V2),
              ElementsAre(Hierarchy{"/a \\b", "/docker/a b", 9}));
}

TEST(Hierarchies, AreNoMoreThanAFew) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "9 1 0:29 / /cg rw - cgroup2 none rw\n";
  EXPECT_EQ(of(text, Version::V2).size(), kMaxHierarchies);
}

const Hierarchy kWhole = {.mount_point = "/sys/fs/cgroup", .root = "/"};
const Hierarchy kNested = {.mount_point = "/sys/fs/cgroup", .root = "/docker/outer"};

TEST(PlaceBelow, IsTheWayFromTheMount) {
  EXPECT_EQ(*place_below(kWhole, "/docker/inner"), "docker/inner");
  EXPECT_EQ(*place_below(kNested, "/docker/outer/docker/inner"), "docker/inner");
  EXPECT_EQ(*place_below(kWhole, "/a:b c/..x/x..y/..."), "a:b c/..x/x..y/...");
}

TEST(PlaceBelow, IsNeverTheTop) {
  EXPECT_THAT(place_below(kWhole, "/").error().text(), HasSubstr("the root of the hierarchy"));
  EXPECT_THAT(place_below(kNested, "/docker/outer").error().text(), HasSubstr("topmost"));
}

TEST(PlaceBelow, IsNotOutside) {
  for (const auto* path : {"/docker/outer2", "/docker", "/", "", "docker/outer/x"})
    EXPECT_EQ(place_below(kNested, path).error().id(), ErrorId::Cgroup) << path;
}

// What is outside of a cgroup namespace is shown from its root upwards.
TEST(PlaceBelow, GoesNeverUp) {
  for (const auto* path : {"/..", "/../x", "/../../..", "/a/../b", "/a/.."})
    EXPECT_THAT(place_below(kWhole, path).error().text(), HasSubstr("outside")) << path;
  EXPECT_THAT(place_below({.mount_point = "/cg", .root = "/../.."}, "/../../x").error().text(),
              HasSubstr("outside"));
}

}  // namespace
}  // namespace nvhook::cgroup
