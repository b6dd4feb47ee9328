// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/path.hpp"

#include <gtest/gtest.h>

#include <string>

namespace nvhook {
namespace {

TEST(Path, FoldsSlashes) {
  EXPECT_EQ(ContainerPath::parse("//usr///lib/")->value, "/usr/lib");
  EXPECT_EQ(ContainerPath::parse("/")->value, "/");
}

TEST(Path, RefusesWhatCouldLeadElsewhere) {
  const std::string nul("/a\0b", 4);
  for (const std::string& text :
       {std::string(), std::string("usr/lib"), std::string("/usr/../etc"), std::string("/./etc"),
        std::string("/.."), nul, "/" + std::string(256, 'n'), std::string(4096, '/')}) {
    const auto path = HostPath::parse(text);
    ASSERT_FALSE(path) << text;
    EXPECT_EQ(path.error().id(), ErrorId::StateField);
  }
}

TEST(Path, AcceptsNamesAtTheLimit) {
  EXPECT_TRUE(HostPath::parse("/" + std::string(255, 'n')));
  EXPECT_TRUE(HostPath::parse("/..."));
}

TEST(Path, SplitsAndJoins) {
  const HostPath path{"/usr/lib/x"};

  EXPECT_EQ(path.parent().value, "/usr/lib");
  EXPECT_EQ(path.name(), "x");
  EXPECT_EQ(HostPath{"/x"}.parent().value, "/");
  EXPECT_EQ(HostPath{"/"}.parent().value, "/");
  EXPECT_EQ((HostPath{"/"} / "dev").value, "/dev");
  EXPECT_EQ((HostPath{"/dev"} / "nvidia0").value, "/dev/nvidia0");
}

}  // namespace
}  // namespace nvhook
