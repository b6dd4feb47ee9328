// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nvhook/record/record.hpp"

namespace nvhook::test {

// A record with something in every field.
inline record::Record sample_record() {
  return {.id = "c1",
          .bundle = "/run/b/c1",
          .rootfs = "/run/b/c1/rootfs",
          .pid = 4711,
          .scope = "runc-c1.scope",
          .identity = {.boot_id = "7d3f2a0e-1111-4222-8333-444455556666",
                       .start_time = 123456789,
                       .mount_namespace = {.device = 4, .inode = 4026532200},
                       .cgroup = record::FileId{.device = 26, .inode = 777}},
          .devices = {{.path = {"/dev/nvidia0"},
                       .node = {"/run/driver/dev/nvidia0"},
                       .number = {.major = 195, .minor = 0}}},
          .objects = {{.kind = record::ObjectKind::Mount,
                       .path = {"/usr/lib/libcuda.so.550.54.14"},
                       .replaces = std::nullopt},
                      {.kind = record::ObjectKind::Link,
                       .path = {"/usr/lib/libcuda.so.1"},
                       .replaces = "libcuda.so.535.104.05"}}};
}

}  // namespace nvhook::test
