// SPDX-License-Identifier: Apache-2.0
#include "nvhook/mount/propagation.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

#include "mount/mount_fixture.hpp"
#include "support/take_away_calls.hpp"

namespace nvhook::mount {
namespace {

class Propagation : public MountTest {
 protected:
  void change(unsigned long propagation) {
    ASSERT_EQ(::mount(nullptr, path("/").c_str(), nullptr, propagation, nullptr), 0);
  }
};

TEST_F(Propagation, IsThatOfTheMountThatAFileLiesOn) {
  root_.file("/deep/below/file");
  const auto file = hold(path("/deep/below/file"));
  const struct {
    unsigned long propagation;
    bool shared;
  } cases[] = {{MS_PRIVATE, false}, {MS_SHARED, true}, {MS_SLAVE, false}, {MS_UNBINDABLE, false}};

  for (const auto& test : cases) {
    change(test.propagation);
    const auto shared = is_shared(file.get());
    ASSERT_TRUE(shared) << shared.error().text();
    if (!shared->has_value()) GTEST_SKIP() << "needs Linux 6.8: statmount(2)";
    EXPECT_EQ(**shared, test.shared) << test.propagation;
  }
}

TEST_F(Propagation, IsUnknownToKernelsThatCannotBeAsked) {
  change(MS_SHARED);
  const auto directory = hold(path("/"));
  for (const int error : {ENOSYS, EPERM}) {
    const pid_t child = ::fork();
    if (child == 0) {
      test::take_away_calls(std::vector<std::string>{"statmount"}, error);
      const auto shared = is_shared(directory.get());
      ::_exit(shared && !shared->has_value() ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << error;
  }
}

TEST_F(Propagation, OfNothingIsAnError) {
  EXPECT_EQ(is_shared(-1).error().code(), std::errc::bad_file_descriptor);
}

}  // namespace
}  // namespace nvhook::mount
