// SPDX-License-Identifier: Apache-2.0
#include "apply/identity.hpp"

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <sstream>
#include <string>

#include "support/child.hpp"

namespace nvhook::apply {
namespace {

constexpr uid_t kUser = 100'000;
constexpr gid_t kGroup = 200'000;

// What is asked for cannot be set; the answer is what it is.
unsigned file_user() { return static_cast<unsigned>(::setfsuid(static_cast<uid_t>(-1))); }
unsigned file_group() { return static_cast<unsigned>(::setfsgid(static_cast<gid_t>(-1))); }

TEST(ContainerRoot, OwnsFilesAndLeavesTheProcessAsItWas) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: setfsuid(2)";
  const auto said = test::said_by_child([] {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    container::Process process;
    process.mapped_root = kUser;
    process.mapped_root_group = kGroup;
    const auto done = become_container_root(process);
    if (!done) return done.error().text();
    int death_signal = 0;
    ::prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
    std::ostringstream text;
    text << "files " << file_user() << ":" << file_group() << ", else " << ::geteuid() << ":"
         << ::getegid() << ", dies of " << death_signal << ", dumpable "
         << ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    return text.str();
  });

  EXPECT_EQ(said, "files 100000:200000, else 0:0, dies of 15, dumpable 0");
}

}  // namespace
}  // namespace nvhook::apply
