// SPDX-License-Identifier: Apache-2.0
#include "rest/query.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "rest/samples.hpp"

namespace nvhook::rest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Query, IsDecodedAsGo15Does) {
  struct Row {
    std::string_view query, dev, vol;
  };
  const std::vector<Row> rows = {
      {"", "", ""},
      {"dev=0", "0", ""},
      {"dev=0&vol=nvidia_driver", "0", "nvidia_driver"},
      {"vol=nvidia_driver&dev=0", "0", "nvidia_driver"},
      {"dev=0+1", "0 1", ""},
      {"dev=0%201", "0 1", ""},
      {"dev=%2B1", "+1", ""},
      {"dev=%2a", "*", ""},
      {"dev=%2A", "*", ""},
      {"d%65v=1", "1", ""},
      {"dev=1=2", "1=2", ""},
      {"dev", "", ""},
      {"dev=", "", ""},
      {"=0", "", ""},
      {"=", "", ""},
      {"&&&", "", ""},
      {"DEV=0", "", ""},
      {"dev+=0", "", ""},
      {"gpu=0&other", "", ""},
      // The first of a name counts, an empty one, too.
      {"dev=0&dev=1", "0", ""},
      {"dev=&dev=1", "", ""},
      {"dev&dev=1", "", ""},
      // ';' divides.
      {"dev=0;vol=nvidia_driver", "0", "nvidia_driver"},
      {";dev=0;", "0", ""},
      {"vol=nvidia_driver;id", "", "nvidia_driver"},
      // What is no escape makes its pair no pair.
      {"dev=%", "", ""},
      {"dev=%4", "", ""},
      {"dev=%zz", "", ""},
      {"dev=%+1", "", ""},
      {"dev=%-1", "", ""},
      {"dev=%0x", "", ""},
      {"dev=%&dev=1", "1", ""},
      {"dev=0%&vol=nvidia_driver", "", "nvidia_driver"},
      {"%=0&dev=1", "1", ""},
      // Other bytes stand for themselves.
      {"dev=\xff?#/", "\xff?#/", ""},
  };
  for (const auto& [query, dev, vol] : rows) {
    SCOPED_TRACE(query);

    const auto parsed = parse_query(query);

    EXPECT_EQ(parsed.dev, dev);
    EXPECT_EQ(parsed.vol, vol);
  }
  EXPECT_EQ(parse_query("dev=%00%0a%fF").dev, std::string("\0\n\xff", 3));
}

TEST(Query, ChoosesGpusInTheirOrder) {
  struct Row {
    std::string_view dev;
    std::vector<std::size_t> gpus;
  };
  const std::vector<Row> rows = {
      {"", {0, 1}},
      {"*", {0, 1}},
      {"0", {0}},
      {"1", {1}},
      {"1 0", {0, 1}},
      {"1 1 1", {1}},
      {"00", {0}},
      {"+1", {1}},
      {"+001", {1}},
      {"-0", {0}},
      {"0000000000000000000000000000000000000001", {1}},
      {"GPU-", {0}},
      {"GPU-b7", {1}},
      {"GPU-b7d8e9fa-1c2d-4e3f-9a0b-abcdef012345", {1}},
      {"GPU-b7 0", {0, 1}},
      {"GPU-b7 1", {1}},
  };
  for (const auto& [dev, gpus] : rows) {
    SCOPED_TRACE(dev);

    const auto chosen = choose_gpus(dev, two_gpus().nvml.gpus);

    ASSERT_TRUE(chosen) << chosen.error();
    EXPECT_EQ(*chosen, gpus);
  }
  EXPECT_THAT(*choose_gpus("", {}), IsEmpty());
}

TEST(Query, NamesTheFirstDeviceThatIsNotThere) {
  struct Row {
    std::string dev;
    std::string piece;
  };
  const std::vector<Row> rows = {
      {"2", "2"},
      {"0 7 8", "7"},
      {"-1", "-1"},
      {"+", "+"},
      {"-", "-"},
      {"--0", "--0"},
      {"+-0", "+-0"},
      {"0,1", "0,1"},
      {"0x1", "0x1"},
      {"1_0", "1_0"},
      {"1.0", "1.0"},
      {"all", "all"},
      {"none", "none"},
      {"* 0", "*"},
      {"gpu-b7", "gpu-b7"},
      {"GPU-B7", "GPU-B7"},
      {"GPU-b7d8e9fa-1c2d-4e3f-9a0b-abcdef0123456", "GPU-b7d8e9fa-1c2d-4e3f-9a0b-abcdef0123456"},
      {"18446744073709551616", "18446744073709551616"},
      {"0  1", ""},
      {"0 ", ""},
      {" 0", ""},
      {" ", ""},
      {"0 --privileged", "--privileged"},
      {"$(id)", "$(id)"},
      {"a\nb", "a\\x0ab"},
      {"\x1b[31m", "\\x1b[31m"},
      {"\xc3\xa9", "\\xc3\\xa9"},
      {std::string(300, 'a'), std::string(256, 'a') + "..."},
  };
  for (const auto& [dev, piece] : rows) {
    SCOPED_TRACE(dev);

    const auto chosen = choose_gpus(dev, two_gpus().nvml.gpus);

    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error(), "invalid device: " + piece);
  }
}

TEST(Query, FindsNoGpuByAUuidThatIsNotKnown) {
  EXPECT_TRUE(choose_gpus("GPU-a1", lost_gpu().nvml.gpus));
  EXPECT_FALSE(choose_gpus("GPU-b7", lost_gpu().nvml.gpus));
  EXPECT_THAT(*choose_gpus("1", lost_gpu().nvml.gpus), ElementsAre(1));
}

TEST(Query, CountsKindsOfVolumes) {
  EXPECT_EQ(count_volumes(""), 1);
  EXPECT_EQ(count_volumes("*"), 1);
  EXPECT_EQ(count_volumes("nvidia_driver"), 1);
  EXPECT_EQ(count_volumes("nvidia_driver nvidia_driver"), 2);
  EXPECT_EQ(count_volumes("nvidia_driver_361.48").error(), "invalid volume: nvidia_driver_361.48");
  EXPECT_EQ(count_volumes("nvidia_driver disk").error(), "invalid volume: disk");
  EXPECT_EQ(count_volumes("nvidia_driver ").error(), "invalid volume: ");
}

}  // namespace
}  // namespace nvhook::rest
