// SPDX-License-Identifier: Apache-2.0
#include "nvhook/request/request.hpp"

#include <gmock/gmock.h>

#include "nvhook/request/parse.hpp"
#include "request/container.hpp"

namespace nvhook::request {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kUuid = "GPU-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

using Asked = std::variant<NothingAsked, Request>;

// Under the usual rules.
Result<Asked> parse(std::vector<std::string> env) {
  auto parsed = request::parse(with_env(std::move(env)), {});
  if (!parsed) return std::unexpected(std::move(parsed).error());
  return std::move(parsed->asked);
}

Result<Asked> parse_devices(std::string_view list) {
  return parse({"NVIDIA_VISIBLE_DEVICES=" + std::string(list)});
}

// The request for this list of devices; an empty one if there is none, as a test then shows.
Request asked(std::string_view list) {
  auto parsed = parse_devices(list);
  EXPECT_TRUE(parsed && std::holds_alternative<Request>(*parsed)) << list;
  if (!parsed || !std::holds_alternative<Request>(*parsed)) return {};
  return std::get<Request>(*parsed);
}

std::vector<GpuId> gpus(std::string_view list) {
  const auto request = asked(list);
  const auto* ids = std::get_if<std::vector<GpuId>>(&request.gpus);
  return ids == nullptr ? std::vector<GpuId>() : *ids;
}

Result<Asked> parse_capabilities(std::string_view list) {
  return parse({"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=" + std::string(list)});
}

Capabilities capabilities(std::string_view list) {
  auto parsed = parse_capabilities(list);
  EXPECT_TRUE(parsed && std::holds_alternative<Request>(*parsed)) << list;
  return parsed ? std::get<Request>(*parsed).capabilities : Capabilities();
}

TEST(Request, IsNotMadeByAContainerThatDoesNotSayAnything) {
  const struct {
    std::vector<std::string> env;
    std::string_view reason;
  } cases[] = {
      {{}, "NVIDIA_VISIBLE_DEVICES is not set"},
      {{"NVIDIA_VISIBLE_DEVICESX=all", "XNVIDIA_VISIBLE_DEVICES=all"},
       "NVIDIA_VISIBLE_DEVICES is not set"},
      {{"NVIDIA_DRIVER_CAPABILITIES=bogus"}, "NVIDIA_VISIBLE_DEVICES is not set"},
      {{"NVIDIA_VISIBLE_DEVICES="}, "NVIDIA_VISIBLE_DEVICES is empty"},
      {{"NVIDIA_VISIBLE_DEVICES= , ,\t"}, "NVIDIA_VISIBLE_DEVICES is empty"},
      {{"NVIDIA_VISIBLE_DEVICES=void"}, "NVIDIA_VISIBLE_DEVICES is void"},
      {{"NVIDIA_VISIBLE_DEVICES=0, void ,all"}, "NVIDIA_VISIBLE_DEVICES is void"},
      {{"NVIDIA_VISIBLE_DEVICES=all,bogus,void"}, "NVIDIA_VISIBLE_DEVICES is void"},
  };
  for (const auto& test : cases) {
    const auto parsed = parse(test.env);
    ASSERT_TRUE(parsed) << parsed.error().text();
    ASSERT_TRUE(std::holds_alternative<NothingAsked>(*parsed)) << test.reason;
    EXPECT_EQ(std::get<NothingAsked>(*parsed).reason, test.reason);
  }
}

TEST(Request, IsForAllGpus) {
  const auto request = asked("all");

  EXPECT_EQ(request, (Request{.devices = {"all"},
                              .source = Source::Environment,
                              .gpus = AllGpus{},
                              .capabilities = {Capability::Utility, Capability::Compute}}));
  EXPECT_TRUE(std::holds_alternative<AllGpus>(asked("ALL").gpus));
}

TEST(Request, IsDecidedByTheFirstSpecialWord) {
  for (const auto* list : {"none", "0,none", "none,all", ", none ,all", "bogus,none"})
    EXPECT_TRUE(std::holds_alternative<NoGpus>(asked(list).gpus)) << list;
  for (const auto* list : {"0,all", "all,none", "../../dev/sda,All"})
    EXPECT_TRUE(std::holds_alternative<AllGpus>(asked(list).gpus)) << list;
  EXPECT_THAT(asked("0,all").devices, ::testing::ElementsAre("all"));
}

TEST(Request, NamesGpusByIndex) {
  EXPECT_EQ(gpus("0"), (std::vector<GpuId>{GpuIndex{0}}));
  EXPECT_EQ(gpus(" 2 ,,0,"), (std::vector<GpuId>{GpuIndex{2}, GpuIndex{0}}));
  EXPECT_EQ(gpus("4294967295"), (std::vector<GpuId>{GpuIndex{4294967295}}));
}

TEST(Request, NamesGpusByUuidWhateverTheCase) {
  EXPECT_EQ(gpus(kUuid), (std::vector<GpuId>{GpuUuid{std::string(kUuid)}}));
  EXPECT_EQ(gpus("gpu-0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9"),
            (std::vector<GpuId>{GpuUuid{std::string(kUuid)}}));
}

TEST(Request, CountsEachGpuOnce) {
  const auto request = asked("1,0,1,01," + std::string(kUuid) + "," + std::string(kUuid));

  EXPECT_EQ(request.gpus, GpuSelection(std::vector<GpuId>{GpuIndex{1}, GpuIndex{0},
                                                          GpuUuid{std::string(kUuid)}}));
  EXPECT_THAT(request.devices, ::testing::ElementsAre("1", "0", kUuid));
}

TEST(Request, RefusesWhatNamesNoGpu) {
  for (const std::string& item : {std::string("-1"),
                                  std::string("+1"),
                                  std::string("0x0"),
                                  std::string("1.0"),
                                  std::string("0 1"),
                                  std::string("0\n1"),
                                  std::string("0:"),
                                  std::string(":0"),
                                  std::string("0:1x"),
                                  std::string("0:1:"),
                                  std::string("0:-1"),
                                  std::string("٠"),
                                  std::string("4294967296"),
                                  std::string("99999999999999999999"),
                                  std::string("None"),
                                  std::string("VOID"),
                                  std::string("/dev/nvidia0"),
                                  std::string("GPU-"),
                                  std::string("GPU-0a1b2c3dx"),
                                  std::string(kUuid) + "0",
                                  std::string("GPU-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg"),
                                  std::string("0000:65:00.1"),
                                  std::string("0000:65:"),
                                  std::string("0000:655:00.0"),
                                  std::string("1:0000:65:00.0"),
                                  std::string("000000000:65:00.0"),
                                  std::string(":65:00.0")}) {
    const auto parsed = parse_devices("0," + item);
    ASSERT_FALSE(parsed) << item;
    EXPECT_EQ(parsed.error().id(), ErrorId::ReqDevice);
  }
}

TEST(Request, QuotesTheItemAndTellsTheFormsThereAre) {
  const auto parsed = parse_devices("0, GPO-\x1b\x5bx ");

  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().text(), HasSubstr(R"("GPO-\x1b[x" names no GPU)"));
  EXPECT_THAT(parsed.error().text(), HasSubstr("all, none, void, an index such as 0, a UUID"));
}

TEST(Request, LeavesCdiDevicesToTheEngine) {
  for (const auto* item : {"nvidia.com/gpu=0", "vendor/class=all"})
    EXPECT_THAT(parse_devices(item).error().text(), HasSubstr("is a CDI device")) << item;
}

TEST(Request, NamesMigDevicesByTheirPlace) {
  EXPECT_EQ(gpus("0:1,10:0"), (std::vector<GpuId>{MigIndex{0, 1}, MigIndex{10, 0}}));
}

TEST(Request, NamesMigDevicesByTheirUuids) {
  EXPECT_EQ(gpus("mig-0A1B2C3D-4e5f-6071-8293-a4b5c6d7e8f9"),
            (std::vector<GpuId>{MigUuid{"MIG-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"}}));
}

TEST(Request, NamesMigDevicesAsOldDriversWroteThem) {
  EXPECT_EQ(gpus("MIG-" + std::string(kUuid) + "/3/0"),
            (std::vector<GpuId>{MigInstance{std::string(kUuid), 3, 0}}));
}

TEST(Request, RefusesAMigDeviceThatIsNotNamedInFull) {
  for (const std::string& item :
       {std::string("MIG-"), std::string("mig-0a1b2c3d"),
        std::string("MIG-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f90"),
        std::string("MIG-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg"), std::string("MIG-GPU-0a1b/3/0"),
        "MIG-" + std::string(kUuid), "MIG-" + std::string(kUuid) + "/3",
        "MIG-" + std::string(kUuid) + "/3/", "MIG-" + std::string(kUuid) + "/3/0/0",
        "MIG-" + std::string(kUuid) + "/3/0x0", "MIG-" + std::string(kUuid) + "/../0"}) {
    const auto parsed = parse_devices(item);
    ASSERT_FALSE(parsed) << item;
    EXPECT_THAT(parsed.error().text(),
                ::testing::AllOf(HasSubstr("E_REQ_DEVICE"), HasSubstr("names no MIG device")));
  }
}

TEST(Request, NamesGpusByTheBeginningOfTheirUuids) {
  EXPECT_EQ(gpus("GPU-0A1b2"), (std::vector<GpuId>{GpuUuid{"GPU-0a1b2"}}));
  EXPECT_EQ(gpus("GPU-0a1b2c3d-4e"), (std::vector<GpuId>{GpuUuid{"GPU-0a1b2c3d-4e"}}));
}

TEST(Request, NamesGpusByTheirPlaceOnTheBus) {
  const GpuBus bus{.domain = 0, .bus = 0x65, .device = 0x1f};
  for (const auto* item : {"0000:65:1f.0", "00000000:65:1F.0", "0:65:1f", "65:1f.0", "0000:65:1f"})
    EXPECT_EQ(gpus(item), (std::vector<GpuId>{bus})) << item;
  EXPECT_EQ(gpus("00010000:65:1f.0"), (std::vector<GpuId>{GpuBus{0x10000, 0x65, 0x1f}}));
}

// Images of before 2018.
TEST(LegacyImage, AsksForEverythingByItsCudaVersion) {
  const auto parsed = parse({"CUDA_VERSION=9.0.176"});

  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(std::get<Request>(*parsed), (Request{.devices = {"all"},
                                                 .source = Source::LegacyImage,
                                                 .gpus = AllGpus{},
                                                 .capabilities = Capabilities::all(),
                                                 .demands = {{"CUDA_VERSION", "cuda>=9.0"}}}));
}

TEST(LegacyImage, MayBeToldOtherwise) {
  const std::string version = "CUDA_VERSION=9.0";
  for (const auto* list : {"", ",", "void"})
    EXPECT_TRUE(std::holds_alternative<NothingAsked>(
        *parse({version, "NVIDIA_VISIBLE_DEVICES=" + std::string(list)})))
        << list;
  const auto parsed =
      parse({version, "NVIDIA_VISIBLE_DEVICES=1", "NVIDIA_DRIVER_CAPABILITIES=utility"});
  const auto& request = std::get<Request>(*parsed);
  EXPECT_EQ(request.source, Source::Environment);
  EXPECT_EQ(request.gpus, GpuSelection(std::vector<GpuId>{GpuIndex{1}}));
  EXPECT_EQ(request.capabilities, Capabilities{Capability::Utility});
}

TEST(LegacyImage, IsNoneThatSaysWhatItRequires) {
  EXPECT_TRUE(std::holds_alternative<NothingAsked>(
      *parse({"CUDA_VERSION=12.4.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.4"})));
  EXPECT_TRUE(std::holds_alternative<NothingAsked>(*parse({"CUDA_VERSION="})));
  EXPECT_EQ(parse({"CUDA_VERSION=new"}).error().id(), ErrorId::ReqRequirement);
  EXPECT_EQ(std::get<Request>(*parse({"CUDA_VERSION=10"})).demands.front().requirement, "cuda>=10");
}

std::vector<Demand> demands(std::vector<std::string> env) {
  env.emplace_back("NVIDIA_VISIBLE_DEVICES=all");
  const auto parsed = parse(env);
  EXPECT_TRUE(parsed) << parsed.error().text();
  return parsed ? std::get<Request>(*parsed).demands : std::vector<Demand>{};
}

TEST(Demands, AreThoseOfAllVariablesForThem) {
  EXPECT_THAT(demands({"NVIDIA_REQUIRE_CUDA=cuda>=12.0", "NVIDIA_REQUIRE_DRIVER=driver>=535",
                       "NVIDIA_REQUIRE_JETPACK=csv-mounts=all",
                       "NVIDIA_REQUIRE_EMPTY= ", "NVIDIA_REQUIRE_CUDA=cuda>=12.4"}),
              ::testing::ElementsAre(Demand{"NVIDIA_REQUIRE_CUDA", "cuda>=12.4"},
                                     Demand{"NVIDIA_REQUIRE_DRIVER", "driver>=535"}));
}

TEST(Demands, CanBeDisabled) {
  for (const auto* yes : {"1", "t", "T", "true", "TRUE", "True"})
    EXPECT_THAT(demands({"NVIDIA_REQUIRE_CUDA=x", "NVIDIA_DISABLE_REQUIRE=" + std::string(yes)}),
                ::testing::IsEmpty())
        << yes;
  for (const auto* no : {"0", "", "yes", "on"})
    EXPECT_EQ(
        demands({"NVIDIA_REQUIRE_CUDA=x", "NVIDIA_DISABLE_REQUIRE=" + std::string(no)}).size(), 1U)
        << no;
}

TEST(Demands, AreBounded) {
  std::vector<std::string> env = {"NVIDIA_VISIBLE_DEVICES=all"};
  for (int i = 0; i < 33; ++i) env.push_back("NVIDIA_REQUIRE_" + std::to_string(i) + "=cuda>=1");

  EXPECT_EQ(parse(env).error().id(), ErrorId::ReqRequirement);
}

TEST(Request, HasABoundedNumberOfItems) {
  const auto list = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += std::to_string(i) + ",";
    return text;
  };

  EXPECT_EQ(gpus(list(4096)).size(), 4096U);
  EXPECT_EQ(parse_devices(list(4097)).error().id(), ErrorId::ReqDevice);
  EXPECT_EQ(parse_devices(std::string(256 * 1024 + 1, ',')).error().id(), ErrorId::ReqDevice);
  EXPECT_EQ(parse_capabilities(std::string(256 * 1024 + 1, ',')).error().id(),
            ErrorId::ReqCapability);
}

TEST(Request, IsTheLastOneOfARepeatedVariable) {
  const auto parsed = parse({"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=bogus",
                             "NVIDIA_VISIBLE_DEVICES=3", "NVIDIA_DRIVER_CAPABILITIES=video"});

  ASSERT_TRUE(parsed) << parsed.error().text();
  const auto& request = std::get<Request>(*parsed);
  EXPECT_EQ(request.gpus, GpuSelection(std::vector<GpuId>{GpuIndex{3}}));
  EXPECT_EQ(request.capabilities, Capabilities{Capability::Video});
}

TEST(Request, HasTheCapabilitiesNamed) {
  EXPECT_EQ(capabilities(""), (Capabilities{Capability::Utility, Capability::Compute}));
  EXPECT_EQ(capabilities(" , "), (Capabilities{Capability::Utility, Capability::Compute}));
  EXPECT_EQ(capabilities("graphics, display ,,graphics"),
            (Capabilities{Capability::Graphics, Capability::Display}));
  EXPECT_EQ(capabilities("compute,compat32,graphics,utility,video,display,ngx"),
            Capabilities::all());
  EXPECT_EQ(capabilities("all"), Capabilities::all());
  EXPECT_EQ(capabilities("bogus, all"), Capabilities::all());
}

TEST(Request, RefusesAnUnknownCapabilityAndListsTheKnown) {
  for (const auto* list : {"utility,cmpute", "ALL", "Compute", "../x"})
    EXPECT_EQ(parse_capabilities(list).error().id(), ErrorId::ReqCapability) << list;
  EXPECT_THAT(parse_capabilities("utility,cmpute").error().text(),
              HasSubstr(R"("cmpute" is none of all, compute, compat32, graphics, utility, video, )"
                        "display, ngx"));
}

TEST(Request, NamesItsSource) {
  EXPECT_EQ(name_of(Source::Environment), "environment");
  EXPECT_EQ(name_of(Source::LegacyImage), "legacy-image");
  EXPECT_EQ(name_of(Source::VolumeMounts), "volume-mounts");
  EXPECT_EQ(name_of(Source::Swarm), "swarm");
}

}  // namespace
}  // namespace nvhook::request
