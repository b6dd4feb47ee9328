// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace nvhook {
namespace {

TEST(Error, TellsTheStoryFromTheOutsideIn) {
  errno = ENOENT;
  Result<int> inner = system_failure(ErrorId::Kernel, "open_tree");
  const auto outer = failed_to("bind /usr/lib/libcuda.so.1", std::move(inner));

  EXPECT_EQ(outer.error().text(),
            "E_KERNEL: bind /usr/lib/libcuda.so.1: open_tree: No such file or directory");
  EXPECT_EQ(outer.error().code(), std::errc::no_such_file_or_directory);
}

TEST(Error, KeepsItsStoryUnderAnotherId) {
  const auto error = Error(ErrorId::Kernel, "open \"x\"").as(ErrorId::DstResolve);

  EXPECT_EQ(error.text(), "E_DST_RESOLVE: open \"x\"");
}

TEST(Error, OfALookupTellsAbsenceFromTrouble) {
  for (const int absence : {ENOENT, ENOTDIR, ELOOP, EXDEV, ENAMETOOLONG, EACCES}) {
    errno = absence;
    EXPECT_TRUE(leads_nowhere(system_failure(ErrorId::Kernel, "open").error())) << absence;
  }
  for (const int trouble : {EMFILE, ENFILE, ENOMEM, EIO, EAGAIN, EINTR, ENOSYS, EPERM}) {
    errno = trouble;
    EXPECT_FALSE(leads_nowhere(system_failure(ErrorId::Kernel, "open").error())) << trouble;
  }
  EXPECT_FALSE(leads_nowhere(Error(ErrorId::Bug, "no system call failed")));
}

TEST(MessageId, HasAnExitStatusByItsFamily) {
  EXPECT_EQ(exit_status_of(ErrorId::Usage), 64);
  EXPECT_EQ(exit_status_of(ErrorId::Bug), 70);
  for (const auto& [id, name, status] : all_errors()) {
    if (name.starts_with("E_REQ_") || name.starts_with("E_STATE_")) {
      EXPECT_EQ(status, 2) << name;
    }
    if (name.starts_with("E_DRIVER_") || name.starts_with("E_NODE_") ||
        name.starts_with("E_SRC_")) {
      EXPECT_EQ(status, 3) << name;
    }
    if (name.starts_with("E_DST_") || name.starts_with("E_NS")) {
      EXPECT_EQ(status, 4) << name;
    }
  }
}

TEST(MessageId, IsNamedOnce) {
  std::set<std::string_view> names;
  for (const auto& info : all_errors()) EXPECT_TRUE(names.insert(info.name).second) << info.name;
  for (const auto& info : all_warnings()) EXPECT_TRUE(names.insert(info.name).second) << info.name;
}

}  // namespace
}  // namespace nvhook
