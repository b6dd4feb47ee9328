// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/device_allow.hpp"

#include <gtest/gtest.h>

namespace nvhook::systemd {
namespace {

TEST(DeviceAllow, NamesANodeBelowDevByItsPath) {
  for (const auto* path :
       {"/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap1", "/dev/dri/by-path/a:b.c@1"})
    EXPECT_EQ(name_of({path, {195, 0}}), path);
}

TEST(DeviceAllow, NamesOtherNodesByTheirNumber) {
  for (const auto* path : {"/run/nvidia/driver/dev/nvidia0",
                           "/dev",
                           "/dev/",
                           "/dev/a/",
                           "dev/a",
                           "",
                           "/dev/../a",
                           "/dev/./a",
                           "/dev//a",
                           "/devices/a",
                           "/dev/a b",
                           "/dev/a%n",
                           "/dev/a\"b",
                           "/dev/a'b",
                           "/dev/a\\b",
                           "/dev/a\nDeviceAllow=char-*",
                           "/dev/a;b",
                           "/dev/a#b",
                           "/dev/a*",
                           "/dev/\xc3\xa4"})
    EXPECT_EQ(name_of({path, {195, 4294967295}}), "/dev/char/195:4294967295") << path;
}

TEST(DropIn, AllowsReadingAndWritingEachNode) {
  EXPECT_EQ(drop_in_of({{"/dev/nvidia0", {195, 0}}, {"/run/d/dev/nvidiactl", {195, 255}}}),
            "# Written by nvhook: devices that it gave to this container.\n"
            "[Scope]\n"
            "DeviceAllow=/dev/nvidia0 rw\n"
            "DeviceAllow=/dev/char/195:255 rw\n");
}

// As systemd 252 writes them for runc and crun.
constexpr std::string_view kUnit =
    "# This is a transient unit file, created programmatically via the systemd API. Do not edit.\n"
    "[Scope]\nSlice=system.slice\n\n[Unit]\nDescription=libcrun container\n"
    "DefaultDependencies=no\n\n[Scope]\nDelegate=yes\n";
constexpr std::string_view kList =
    "# This is a drop-in unit file extension, created via \"systemctl set-property\"\n"
    "# or an equivalent operation. Do not edit.\n"
    "[Scope]\nDeviceAllow=\nDeviceAllow=char-pts rwm\nDeviceAllow=/dev/char/5:2 rwm\n";

std::string with(std::string_view more) { return std::string(kUnit) + std::string(more); }

TEST(Restriction, IsNoneWherePolicyIsAutoWithoutAList) {
  EXPECT_EQ(restriction_in(kUnit), Restriction::None);
  EXPECT_EQ(restriction_in(with("[Scope]\nDevicePolicy=auto\n")), Restriction::None);
  EXPECT_EQ(restriction_in(with("[Scope]\nDevicePolicy=auto\nDeviceAllow=\n")), Restriction::None);
  EXPECT_EQ(restriction_in(""), Restriction::None);
}

TEST(Restriction, IsAListWhereThereIsOneOrAPolicy) {
  EXPECT_EQ(restriction_in(with(kList)), Restriction::List);
  EXPECT_EQ(restriction_in(with("[Scope]\nDevicePolicy=strict")), Restriction::List);
  EXPECT_EQ(restriction_in(with("[Scope]\nDevicePolicy=closed\n")), Restriction::List);
}

TEST(Restriction, IsWhatWasSetLast) {
  EXPECT_EQ(restriction_in(with("DevicePolicy=strict\nDevicePolicy=auto\n")), Restriction::None);
  EXPECT_EQ(restriction_in(with("DeviceAllow=char-pts rwm\nDeviceAllow=\n")), Restriction::None);
  EXPECT_EQ(restriction_in(with("DevicePolicy=auto\nDevicePolicy=strict\n")), Restriction::List);
}

TEST(Restriction, IsAProgramWhereTheRuntimeGaveOne) {
  EXPECT_EQ(restriction_in(with("BPFProgram=device:/sys/fs/bpf/crun/c1\n")), Restriction::Program);
  EXPECT_EQ(restriction_in(with("BPFProgram=device:/x\nBPFProgram=egress:/y\n")),
            Restriction::Program);
  EXPECT_EQ(restriction_in(with("BPFProgram=egress:/sys/fs/bpf/x\n")), Restriction::None);
  EXPECT_EQ(restriction_in(with("BPFProgram=device:/x\nBPFProgram=\n")), Restriction::None);
}

TEST(Restriction, IsNotSaidByCommentsAndSettingsOfLikeNames) {
  EXPECT_EQ(restriction_in("#DevicePolicy=strict\nDevicePolicyX=strict\nXDeviceAllow=a\n"),
            Restriction::None);
}

}  // namespace
}  // namespace nvhook::systemd
