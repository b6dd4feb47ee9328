// SPDX-License-Identifier: Apache-2.0
#include "nvhook/files/trust.hpp"

#include <gtest/gtest.h>

#include <string>

namespace nvhook::files {
namespace {

struct stat status_of(mode_t mode, uid_t owner) {
  struct stat status {};
  status.st_mode = mode;
  status.st_uid = owner;
  return status;
}

constexpr mode_t kSocket = S_IFSOCK | 0777U;  // whoever may connect
constexpr mode_t kDirectory = S_IFDIR | 0755U;
constexpr mode_t kOfEverybody = S_IFDIR | 0777U;
constexpr uid_t kDaemon = 143;
constexpr uid_t kSomebody = 1000;

struct Row {
  const char* name;
  struct stat thing;
  struct stat directory;
  const char* objection;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Socket : public ::testing::TestWithParam<Row> {};

TEST_P(Socket, IsHandedOnIfOnlyItsDaemonCanHaveMadeIt) {
  const auto& row = GetParam();
  EXPECT_EQ(objection_to_socket(row.thing, row.directory), row.objection);
}

INSTANTIATE_TEST_SUITE_P(
    Trust, Socket,
    ::testing::Values(
        Row{"roots", status_of(kSocket, 0), status_of(kDirectory, 0), ""},
        Row{"daemons_in_its_own", status_of(kSocket, kDaemon), status_of(kDirectory, kDaemon), ""},
        Row{"daemons_in_roots", status_of(kSocket, kDaemon), status_of(kDirectory, 0), ""},
        Row{"roots_that_a_daemon_has_linked", status_of(kSocket, 0), status_of(kDirectory, kDaemon),
            "belongs to another user than its directory"},
        Row{"where_everybody_writes", status_of(kSocket, 0), status_of(kOfEverybody, 0),
            "lies in a directory where others can put sockets"},
        Row{"where_a_group_writes", status_of(kSocket, 0), status_of(S_IFDIR | 0775U, 0),
            "lies in a directory where others can put sockets"},
        Row{"file", status_of(S_IFREG | 0644U, 0), status_of(kDirectory, 0), "is not a socket"},
        Row{"link", status_of(S_IFLNK | 0777U, 0), status_of(kDirectory, 0), "is not a socket"}),
    [](const auto& tested) { return std::string(tested.param.name); });

class Directory : public ::testing::TestWithParam<Row> {};

TEST_P(Directory, IsHandedOnIfItIsOfWhoeverOwnsTheOneAbove) {
  const auto& row = GetParam();
  EXPECT_EQ(objection_to_directory(row.thing, row.directory), row.objection);
}

INSTANTIATE_TEST_SUITE_P(
    Trust, Directory,
    ::testing::Values(
        Row{"roots", status_of(kDirectory, 0), status_of(kDirectory, 0), ""},
        Row{"roots_in_tmp", status_of(kDirectory, 0), status_of(kOfEverybody | S_ISVTX, 0), ""},
        Row{"roots_where_others_can_exchange_it", status_of(kDirectory, 0),
            status_of(kOfEverybody, 0), "lies in a directory where others can exchange it"},
        Row{"somebodys_in_tmp", status_of(kDirectory, kSomebody),
            status_of(kOfEverybody | S_ISVTX, 0),
            "belongs to another user than the directory above"},
        Row{"file", status_of(S_IFREG | 0644U, 0), status_of(kDirectory, 0), "is not a directory"}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace nvhook::files
