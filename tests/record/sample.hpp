// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/record/record.hpp"

namespace nvhook::test {

// A record with something in every field.
inline record::Record sample_record() {
  return {.id = "c1",
          .bundle = "/run/b/c1",
          .rootfs = "/run/b/c1/rootfs",
          .root = {.device = 45, .inode = 4242},
          .hook = 4700,
          .pid = 4711,
          .scope = "runc-c1.scope",
          .identity = {.boot_id = "7d3f2a0e-1111-4222-8333-444455556666",
                       .start_time = 123456789,
                       .mount_namespace = {.device = 4, .inode = 4026532200},
                       .cgroup = record::FileId{.device = 26, .inode = 777}},
          .devices = {{.path = {"/dev/nvidia0"},
                       .node = {"/run/driver/dev/nvidia0"},
                       .number = {.major = 195, .minor = 0}}},
          .objects = {{.kind = record::ObjectKind::Directory, .path = {"/usr/lib64"}},
                      {.kind = record::ObjectKind::Mount,
                       .path = {"/usr/lib64/libcuda.so.550.54.14"},
                       .creates = false},
                      {.kind = record::ObjectKind::Link,
                       .path = {"/usr/lib64/libcuda.so.1"},
                       .text = "libcuda.so.550.54.14",
                       .replaces = "libcuda.so.535.104.05"},
                      {.kind = record::ObjectKind::File,
                       .path = {"/etc/ld.so.cache"},
                       .content = record::Fingerprint{.size = 100, .hash = 0xfedcba9876543210},
                       .former = record::Former{.link_text = "../var/ld.so.cache",
                                                .mode = 0644,
                                                .owner = 100000,
                                                .group = 100001}}}};
}

}  // namespace nvhook::test
