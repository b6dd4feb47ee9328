// SPDX-License-Identifier: Apache-2.0
#include "nvhook/oci/outline.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nvhook::oci {
namespace {

TEST(Outline, TellsAWholeObjectFromPartOfOne) {
  const std::string text = R"( {"a":[1,{"b":"]}\"{"}],"c":{}} )";

  ASSERT_TRUE(looks_whole(text));
  for (std::size_t size = 0; size + 1 < text.size(); ++size)
    EXPECT_FALSE(looks_whole(std::string(text, 0, size))) << size;
}

TEST(Outline, RefusesWhatIsNoObject) {
  for (const auto* text : {"", " ", "[]", "1", "\"{}\"", "x", "}", "{]", "{[}]", "{}{}", "{} x",
                           "{}\"a\"", "{}}", "{\"}", "{\"\\\"}", "{\"\\"})
    EXPECT_FALSE(looks_whole(text)) << text;
}

TEST(Outline, GoesAsDeepAsTheParser) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };

  EXPECT_TRUE(looks_whole(nested(64)));
  EXPECT_FALSE(looks_whole(nested(65)));
}

TEST(Outline, FindsAMemberOfTheOutermostObject) {
  const std::string_view text =
      R"({"x":{"bundle":"/in"},"l":["bundle",":"],"y":"bundle", "bundle" : "/b" ,"bundlePath":"/p"})";

  EXPECT_EQ(find_member(text, "bundle"), "/b");
  EXPECT_EQ(find_member(text, "bundlePath"), "/p");
  EXPECT_EQ(find_member(text, "x"), std::nullopt);
  EXPECT_EQ(find_member(text, "y"), "bundle");
  EXPECT_EQ(find_member(text, "bund"), std::nullopt);
}

TEST(Outline, FindsNothingWhereReadersCouldDiffer) {
  for (const auto* text :
       {R"({"bundle":"/a\u002fb"})", R"({"bundle":"/a","bundle":"/b"})", R"({"bundle":7})",
        R"({"bundle":7,"x":"/b"})", R"({"bundle":["/b"]})", R"({"bundle":null,"/b":1})",
        R"({"bundle":"/b")", R"({"bundl\u0065":"/b"})", R"(["bundle","/b"])", R"({"bundle" "/b"})"})
    EXPECT_EQ(find_member(text, "bundle"), std::nullopt) << text;
}

TEST(Outline, FindsAPositiveIntegerOfTheOutermostObject) {
  EXPECT_EQ(find_number(R"({"x":{"pid":3},"pid":4711})", "pid"), 4711U);
  EXPECT_EQ(find_number("{\"pid\" :\n 4294967295 ,\"id\":\"c\"}", "pid"), 4294967295U);
}

TEST(Outline, FindsNoNumberWhereReadersCouldDiffer) {
  for (const auto* text :
       {R"({"pid":"7"})", R"({"pid":7,"pid":8})", R"({"pid":7.0})", R"({"pid":7e1})",
        R"({"pid":-7})", R"({"pid":+7})", R"({"pid":07})", R"({"pid":0})", R"({"pid":4294967296})",
        R"({"pid":[7]})", R"({"pid":7)", R"({"pid":7x})", R"({"p\u0069d":7})", R"({"pid":null})",
        R"({"pid":})", R"({"id":7})"})
    EXPECT_EQ(find_number(text, "pid"), std::nullopt) << text;
}

TEST(Outline, SeesEachWordThatMayAskForAGpu) {
  for (const auto* text :
       {R"(["NVIDIA_VISIBLE_DEVICES=all"])", R"(["CUDA_VERSION=12.4"])",
        R"("/var/run/nvidia-container-devices/all")", R"("NVIDI\u0041_VISIBLE_DEVICES=all")"})
    EXPECT_TRUE(mentions_gpu(text)) << text;
  for (const auto* text : {"", R"({"env":["PATH=/bin"]})", "NVIDIA", "CUDA_VERSIO", R"(\n)"})
    EXPECT_FALSE(mentions_gpu(text)) << text;
}

TEST(Outline, SeesTheNamesThatItIsGiven) {
  const std::vector<std::string> names = {"DOCKER_RESOURCE_GPU", "GPUS"};

  EXPECT_TRUE(mentions_gpu(R"(["DOCKER_RESOURCE_GPU=0"])", names));
  EXPECT_TRUE(mentions_gpu(R"(["GPUS=0"])", names));
  EXPECT_FALSE(mentions_gpu(R"(["DOCKER_RESOURCE_TPU=0","PATH=/bin"])", names));
  EXPECT_FALSE(mentions_gpu(R"(["DOCKER_RESOURCE_GPU=0"])"));
}

TEST(Outline, IsNotFooledByAnEscapeInANameThatItIsGiven) {
  const std::vector<std::string> names = {"node/gpu"};

  EXPECT_TRUE(mentions_gpu(R"(["node/gpu=0"])", names));
  EXPECT_TRUE(mentions_gpu(R"(["node\/gpu=0"])", names));
  EXPECT_FALSE(mentions_gpu(R"(["node/tpu=0"])", names));
}

}  // namespace
}  // namespace nvhook::oci
