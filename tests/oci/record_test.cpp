// SPDX-License-Identifier: Apache-2.0
#include "nvhook/oci/record.hpp"

#include <gtest/gtest.h>

#include "nvhook/base/byte_writer.hpp"

namespace nvhook::oci {
namespace {

State some_state() {
  return {.id = "c1", .status = "created", .pid = 4711, .bundle = "/b", .root = "rootfs"};
}

Config some_config() {
  return {
      .oci_version = "1.0.2",
      .root_path = "rootfs",
      .root_readonly = true,
      .env = {"A=1", "B="},
      .bounding_capabilities = {"CAP_KILL"},
      .sys_admin = true,
      .mounts = {{"/proc", "proc", "proc", {}}, {"/d", "", "/s", {"rbind", "ro"}}},
      .mount_label = "label",
      .cgroups_path = "/c",
      .namespaces = {{"mount", ""}, {"user", "/proc/1/ns/user"}},
      .uid_mappings = {{0, 1000, 1}},
      .gid_mappings = {{0, 1000, 1}, {1, 100000, 65536}},
      .device_rules = {{false, "", std::nullopt, std::nullopt, "rwm"}, {true, "c", 195, 0, "rw"}},
  };
}

Config least_config() {
  Config config;
  config.oci_version = "1";
  config.root_path = "r";
  return config;
}

TEST(Record, GivesBackWhatWasPutIn) {
  EXPECT_EQ(decode_state(encode(some_state())), some_state());
  EXPECT_EQ(decode_config(encode(some_config())), some_config());

  auto stopped = some_state();
  stopped.status = "stopped";
  stopped.pid.reset();
  stopped.root.reset();
  EXPECT_EQ(decode_state(encode(stopped)), stopped);
  EXPECT_EQ(decode_config(encode(least_config())), least_config());
}

TEST(Record, IsRefusedUnlessItIsComplete) {
  const auto record = encode(some_config());

  for (std::size_t size = 0; size < record.size(); ++size) {
    const auto config = decode_config(std::string(record, 0, size));
    ASSERT_FALSE(config) << size;
    EXPECT_EQ(config.error().id(), ErrorId::Bug);
  }
  EXPECT_FALSE(decode_config(record + '\0'));
  EXPECT_FALSE(decode_state(encode(some_state()) + '\0'));
}

TEST(Record, RefusesACountThatTheBytesCannotHold) {
  ByteWriter out;
  out.text("1");
  out.text("r");
  out.put<std::uint8_t>(0);
  out.put<std::uint32_t>(0xffffffff);  // entries of env
  out.text("A=1");

  EXPECT_EQ(decode_config(std::move(out).take()).error().id(), ErrorId::Bug);
}

// Four bytes of the record become the 32 of a string.
TEST(Record, RefusesMoreThanAParserKeeps) {
  Config config = some_config();
  config.mounts[0].options.resize(kMaxKept / sizeof(std::string));

  EXPECT_EQ(decode_config(encode(config)).error().id(), ErrorId::Bug);
  config.mounts[0].options.resize(config.mounts[0].options.size() - 32);
  EXPECT_EQ(decode_config(encode(config)), config);

  config = some_config();
  config.mount_label.resize(kMaxKept, 'x');
  EXPECT_EQ(decode_config(encode(config)).error().id(), ErrorId::Bug);
}

TEST(Record, RefusesAFlagThatIsNeitherTrueNorFalse) {
  auto record = encode(least_config());
  ASSERT_EQ(record[10], 0);  // behind two texts of 4 + 1 bytes: root_readonly
  record[10] = 2;

  EXPECT_FALSE(decode_config(record));
}

TEST(Record, RefusesWhatNoParserHandsOut) {
  State state = some_state();
  for (const pid_t pid : {1, 0, -1}) {
    state.pid = pid;
    EXPECT_EQ(decode_state(encode(state)).error().id(), ErrorId::Bug) << pid;
  }
  state = some_state();
  state.bundle = "relative";
  EXPECT_FALSE(decode_state(encode(state)));
  state.bundle = std::string("/b\0c", 4);
  EXPECT_FALSE(decode_state(encode(state)));

  Config config = some_config();
  config.env.emplace_back("no equals sign");
  EXPECT_FALSE(decode_config(encode(config)));
  config = some_config();
  config.device_rules[0].access = "x";
  EXPECT_FALSE(decode_config(encode(config)));
}

}  // namespace
}  // namespace nvhook::oci
