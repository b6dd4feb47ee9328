// SPDX-License-Identifier: Apache-2.0
// Volumes are not looked into, whatever they hold.
#include <fcntl.h>
#include <gmock/gmock.h>

#include "compat/cuda_note.hpp"
#include "nvhook/compat/find.hpp"
#include "support/own_mounts.hpp"

namespace nvhook::compat {
namespace {

using ::testing::HasSubstr;

class CompatAmongMounts : public test::OwnMounts {
 protected:
  // Why nothing is found, through the mount over the root.
  std::string why() {
    const UniqueFd top(::open(path("/").c_str(), O_PATH | O_CLOEXEC));
    const auto what = find({top.get()});
    if (!what) return what.error().text();
    const auto* nothing = std::get_if<Nothing>(&*what);
    return nothing == nullptr ? "found" : nothing->why;
  }
};

TEST_F(CompatAmongMounts, TheRootsOwnDirectoryIsLookedInto) {
  root_.file("/usr/local/cuda/compat/libcuda.so.575.57.08", test::libcuda_with({}));

  EXPECT_EQ(why(), "found");
}

TEST_F(CompatAmongMounts, AVolumeIsNot) {
  root_.directory("/usr/local/cuda");
  mount_tmpfs("/usr/local/cuda");
  root_.file("/usr/local/cuda/compat/libcuda.so.575.57.08", test::libcuda_with({}));

  EXPECT_THAT(why(), HasSubstr("cross-device"));
}

TEST_F(CompatAmongMounts, ALibraryOnAVolumeIsNoneOfTheImage) {
  root_.directory("/volume").symlink("/usr/local/cuda/compat/libcuda.so.575.57.08",
                                     "/volume/libcuda.so.575.57.08");
  mount_tmpfs("/volume");
  root_.file("/volume/libcuda.so.575.57.08", test::libcuda_with({}));

  EXPECT_THAT(why(), HasSubstr("has no libcuda.so.<version>"));
}

}  // namespace
}  // namespace nvhook::compat
