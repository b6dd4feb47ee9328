// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "nvhook/plan/make_plan.hpp"
#include "plan/samples.hpp"

namespace nvhook::plan {
namespace {

using container::Place;
using request::AllGpus;
using request::GpuBus;
using request::GpuId;
using request::GpuIndex;
using request::GpuUuid;
using request::NoGpus;
using test::asking_for;
using test::debian_image;
using test::sample_driver;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The draft of a request that can be met; an empty one if it cannot, as a test then shows.
Draft drafted(const request::Request& request, const driver::Driver& driver = sample_driver()) {
  auto made = draft(request, driver, debian_image());
  EXPECT_TRUE(made) << made.error().text();
  return made ? std::move(*made) : Draft{};
}

Draft drafted(Capabilities capabilities) { return drafted(asking_for(AllGpus{}, capabilities)); }

std::vector<std::string> names(const Draft& draft, Kind kind) {
  std::vector<std::string> names;
  for (const auto& mount : draft.mounts)
    if (mount.kind == kind) names.push_back(mount.place.name);
  return names;
}

// "name -> target" of each link in the directory.
std::vector<std::string> links(const Draft& draft,
                               const ContainerPath& directory = debian_image().library_directory) {
  std::vector<std::string> links;
  for (const auto& link : draft.links)
    if (link.place.directory == directory) links.push_back(link.place.name + " -> " + link.target);
  return links;
}

std::vector<std::uint32_t> indices(const Draft& draft) {
  std::vector<std::uint32_t> indices;
  indices.reserve(draft.gpus.size());
  for (const auto& gpu : draft.gpus) indices.push_back(gpu.index);
  return indices;
}

// Why the draft brings what is called `name`.
std::string reason(const Draft& draft, std::string_view name) {
  for (const auto& mount : draft.mounts)
    if (mount.place.name == name) return mount.reason;
  return "not there";
}

TEST(Draft, OfTheUsualRequestHasWhatComputeAndUtilityBring) {
  const auto draft = drafted(test::kUsual);

  EXPECT_THAT(names(draft, Kind::Library),
              ElementsAre("libnvidia-ml.so.550.54.14", "libcuda.so.550.54.14"));
  EXPECT_THAT(names(draft, Kind::Library32), IsEmpty());
  EXPECT_THAT(names(draft, Kind::Binary), ElementsAre("nvidia-smi", "nvidia-cuda-mps-control"));
  EXPECT_THAT(names(draft, Kind::Device),
              ElementsAre("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia0", "nvidia3"));
  EXPECT_THAT(links(draft),
              ElementsAre("libnvidia-ml.so.1 -> libnvidia-ml.so.550.54.14",
                          "libcuda.so.1 -> libcuda.so.550.54.14", "libcuda.so -> libcuda.so.1"));
  EXPECT_EQ(draft.gpus, sample_driver().gpus);
  EXPECT_EQ(draft.omitted, sample_driver().omitted);
}

TEST(Draft, SaysWhereFromAndWhereTo) {
  const auto draft = drafted(Capabilities{Capability::Utility});

  ASSERT_EQ(draft.mounts.size(), 5U);
  EXPECT_EQ(draft.mounts[0].source.value, "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.14");
  EXPECT_EQ(draft.mounts[0].place,
            (Place{{"/usr/lib/x86_64-linux-gnu"}, "libnvidia-ml.so.550.54.14"}));
  EXPECT_EQ(draft.mounts[1].source.value, "/usr/bin/nvidia-smi");
  EXPECT_EQ(draft.mounts[1].place, (Place{{"/usr/bin"}, "nvidia-smi"}));
  EXPECT_EQ(draft.mounts[4].source.value, "/dev/nvidia3");
  EXPECT_EQ(draft.mounts[4].place, (Place{{"/dev"}, "nvidia3"}));
  EXPECT_EQ(draft.mounts[4].number, (DeviceNumber{195, 3}));
  ASSERT_EQ(draft.links.size(), 1U);
  EXPECT_EQ(draft.links[0].library, draft.mounts[0].source);
}

TEST(Draft, PutsLibrariesAndProgramsWhereTheImageHasThem) {
  auto image = debian_image();
  image.library_directory = {"/usr/lib64"};
  image.library32_directory = {"/usr/lib32"};
  auto driver = sample_driver();
  driver.programs[0].path = {"/opt/nvidia/bin/nvidia-smi"};

  const auto made = draft(asking_for(AllGpus{}, Capabilities::all()), driver, image);

  ASSERT_TRUE(made) << made.error().text();
  const auto places = places_of(*made);
  EXPECT_THAT(places, Contains(Place{{"/usr/lib64"}, "libcuda.so.550.54.14"}));
  EXPECT_THAT(places, Contains(Place{{"/usr/lib64"}, "libcuda.so.1"}));
  EXPECT_THAT(places, Contains(Place{{"/usr/lib32"}, "libcuda.so.550.54.14"}));
  EXPECT_THAT(places, Contains(Place{{"/usr/lib32"}, "libcuda.so.1"}));
  EXPECT_THAT(places, Contains(Place{{"/usr/bin"}, "nvidia-smi"}));
}

TEST(Draft, NamesThePlaceOfEachMountAndLink) {
  const auto draft = drafted(Capabilities::all());
  const auto places = places_of(draft);

  EXPECT_EQ(places.size(), draft.mounts.size() + draft.links.size());
  for (const auto& mount : draft.mounts) EXPECT_THAT(places, Contains(mount.place));
  for (const auto& link : draft.links) EXPECT_THAT(places, Contains(link.place));
}

TEST(Draft, GivesTheFirstRequestedCapabilityThatBringsALibraryAsItsReason) {
  const struct {
    std::string_view library;
    std::string_view reason;
    Capabilities asked;
    Capability capability;
  } cases[] = {
      {"libnvidia-ml.so.550.54.14", "utility", Capabilities::all(), Capability::Utility},
      {"libcuda.so.550.54.14", "compute", Capabilities::all(), Capability::Compute},
      {"libcuda.so.550.54.14", "video", {Capability::Video}, Capability::Video},
      {"libGLX_nvidia.so.550.54.14", "graphics", Capabilities::all(), Capability::Graphics},
      {"libGLX_nvidia.so.550.54.14", "display", {Capability::Display}, Capability::Display},
  };
  for (const auto& test : cases) {
    const auto draft = drafted(test.asked);
    const auto mount =
        std::ranges::find(draft.mounts, test.library, [](auto& m) { return m.place.name; });
    ASSERT_NE(mount, draft.mounts.end()) << test.library;
    EXPECT_EQ(mount->capability, test.capability) << test.library;
    EXPECT_EQ(mount->reason, test.reason);
  }
}

TEST(Draft, LeavesOutLibrariesAndProgramsThatNoRequestedCapabilityBrings) {
  const auto ngx = drafted(Capabilities{Capability::Ngx});
  const auto video = drafted(Capabilities{Capability::Video});

  EXPECT_THAT(names(ngx, Kind::Library), IsEmpty());
  EXPECT_THAT(ngx.links, IsEmpty());
  EXPECT_THAT(names(ngx, Kind::Binary), IsEmpty());
  EXPECT_THAT(names(video, Kind::Library), ElementsAre("libcuda.so.550.54.14"));
  EXPECT_THAT(names(video, Kind::Binary), IsEmpty());
}

TEST(Draft, BringsNodesByCapability) {
  const struct {
    Capabilities asked;
    std::vector<std::string> nodes;
  } cases[] = {
      {{Capability::Utility}, {"nvidiactl"}},
      {{Capability::Compat32}, {"nvidiactl"}},
      {{Capability::Ngx}, {"nvidiactl"}},
      {{Capability::Compute}, {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"}},
      {{Capability::Video}, {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"}},
      {{Capability::Display}, {"nvidiactl", "nvidia-modeset"}},
      {{Capability::Graphics}, {"nvidiactl", "nvidia-modeset"}},
      {Capabilities::all(), {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset"}},
  };
  for (const auto& test : cases)
    EXPECT_EQ(names(drafted(asking_for(NoGpus{}, test.asked)), Kind::Device), test.nodes);
}

TEST(Draft, SaysWhyANodeIsThere) {
  const auto draft = drafted(Capabilities::all());

  EXPECT_EQ(reason(draft, "nvidiactl"), "control node");
  EXPECT_EQ(reason(draft, "nvidia-uvm"), "compute");
  EXPECT_EQ(reason(draft, "nvidia-modeset"), "display");
  EXPECT_EQ(reason(draft, "nvidia3"), "GPU 1");
  EXPECT_EQ(reason(drafted(Capabilities{Capability::Video}), "nvidia-uvm-tools"), "video");
  EXPECT_EQ(reason(drafted(Capabilities{Capability::Graphics}), "nvidia-modeset"), "graphics");
}

TEST(Draft, HasTheLinksThatProgramsOpenByName) {
  auto driver = sample_driver();
  driver.libraries.push_back({.path = {"/usr/lib/libnvidia-opticalflow.so.550.54.14"},
                              .links = {"libnvidia-opticalflow.so.1"},
                              .abi = driver::Abi::Native,
                              .capabilities = {Capability::Video}});

  const auto video = links(drafted(asking_for(AllGpus{}, {Capability::Video}), driver));
  const auto graphics = links(drafted(asking_for(AllGpus{}, {Capability::Graphics}), driver));

  EXPECT_THAT(video,
              ElementsAre("libcuda.so.1 -> libcuda.so.550.54.14", "libcuda.so -> libcuda.so.1",
                          "libnvidia-opticalflow.so.1 -> libnvidia-opticalflow.so.550.54.14",
                          "libnvidia-opticalflow.so -> libnvidia-opticalflow.so.1"));
  EXPECT_THAT(graphics, ElementsAre("libGLX_nvidia.so.0 -> libGLX_nvidia.so.550.54.14",
                                    "libGLX_indirect.so.0 -> libGLX_nvidia.so.550.54.14"));
}

TEST(Draft, Brings32BitLibrariesOnlyWhereCompat32IsAskedForToo) {
  const auto both = drafted(Capabilities{Capability::Compute, Capability::Compat32});

  EXPECT_THAT(names(both, Kind::Library), ElementsAre("libcuda.so.550.54.14"));
  EXPECT_THAT(names(both, Kind::Library32), ElementsAre("libcuda.so.550.54.14"));
  EXPECT_THAT(links(both, debian_image().library32_directory),
              ElementsAre("libcuda.so.1 -> libcuda.so.550.54.14", "libcuda.so -> libcuda.so.1"));
  EXPECT_THAT(both.links, Contains(testing::Field(&DraftLink::kind, Kind::Library32)));
  EXPECT_THAT(names(drafted(Capabilities{Capability::Compute}), Kind::Library32), IsEmpty());
  EXPECT_THAT(
      names(drafted(Capabilities{Capability::Utility, Capability::Compat32}), Kind::Library32),
      IsEmpty());
}

TEST(Draft, OfARequestForNoneHasTheDriverButNoGpu) {
  const auto draft = drafted(asking_for(NoGpus{}));

  EXPECT_THAT(draft.gpus, IsEmpty());
  EXPECT_THAT(names(draft, Kind::Device),
              ElementsAre("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"));
  EXPECT_THAT(names(draft, Kind::Library), Not(IsEmpty()));
}

TEST(Draft, GrantsGpusInTheDriversOrderAndEachOnce) {
  const std::string first = "GPU-00000000-1111-2222-3333-44445555aaaa";
  const std::string second = "GPU-00000003-1111-2222-3333-44445555bbbb";
  const struct {
    std::vector<GpuId> asked;
    std::vector<std::uint32_t> granted;
  } cases[] = {
      {{GpuIndex{0}}, {0}},
      {{GpuIndex{1}}, {1}},
      {{GpuIndex{1}, GpuIndex{0}}, {0, 1}},
      {{GpuUuid{second}}, {1}},
      {{GpuUuid{"gpu-00000003-1111-2222-3333-44445555BBBB"}}, {1}},
      {{GpuUuid{second}, GpuIndex{1}, GpuIndex{1}, GpuUuid{second}}, {1}},
      {{GpuUuid{second}, GpuUuid{first}}, {0, 1}},
      {{GpuUuid{"GPU-00000003"}}, {1}},
      {{GpuBus{.domain = 0, .bus = 0xc1, .device = 0}}, {1}},
  };
  for (const auto& test : cases)
    EXPECT_EQ(indices(drafted(asking_for(test.asked))), test.granted)
        << test.asked.size() << " asked for";
}

TEST(Draft, CountsGpusByIndexAndNotByMinor) {
  const auto draft = drafted(asking_for(std::vector<GpuId>{GpuIndex{1}}));

  EXPECT_THAT(names(draft, Kind::Device), Contains("nvidia3"));
  EXPECT_THAT(names(draft, Kind::Device), Not(Contains("nvidia1")));
  EXPECT_THAT(names(draft, Kind::Device), Not(Contains("nvidia0")));
}

TEST(Draft, RefusesAGpuThatTheHostDoesNotHave) {
  for (const GpuId& id :
       {GpuId(GpuIndex{2}), GpuId(GpuIndex{3}), GpuId(GpuIndex{4294967295}),
        GpuId(GpuUuid{"GPU-00000000-1111-2222-3333-44445555cccc"}), GpuId(GpuUuid{"GPU-1"}),
        GpuId(GpuBus{.domain = 0, .bus = 0xc2, .device = 0}),
        GpuId(GpuBus{.domain = 1, .bus = 0xc1, .device = 0})}) {
    const auto made =
        draft(asking_for(std::vector<GpuId>{GpuIndex{0}, id}), sample_driver(), debian_image());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().id(), ErrorId::ReqDevice);
    EXPECT_THAT(made.error().text(), HasSubstr("it has 2, with indices 0 to 1"));
  }
}

TEST(Draft, RefusesTheBeginningOfSeveralUuids) {
  const auto made = draft(asking_for(std::vector<GpuId>{GpuUuid{"GPU-0000000"}}), sample_driver(),
                          debian_image());

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id(), ErrorId::ReqDevice);
  EXPECT_THAT(made.error().text(), HasSubstr("the UUIDs of 2 GPUs begin with GPU-0000000"));
}

Result<Draft> demanding(const char* requirement, request::GpuSelection gpus = AllGpus{}) {
  auto request = asking_for(std::move(gpus));
  request.demands = {{"NVIDIA_REQUIRE_CUDA", requirement}};
  return draft(request, sample_driver(), debian_image());
}

// Of the sample's driver, 550.54.14, which has CUDA 12.4.
TEST(Draft, RefusesAnImageThatRequiresAnotherDriver) {
  EXPECT_TRUE(demanding("cuda>=12.4"));
  EXPECT_TRUE(demanding("cuda>=12.8 driver>=550,driver<551"));
  const auto made = demanding("cuda>=12.8 brand=tesla,driver>=535,driver<536");

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id(), ErrorId::ReqUnmet);
  EXPECT_THAT(
      made.error().text(),
      AllOf(HasSubstr(R"("cuda>=12.8": cuda is 12.4)"),
            HasSubstr(R"("driver<536" of "brand=tesla,driver>=535,driver<536": driver is 550)"),
            HasSubstr("drivers from 570 on have CUDA 12.8")));
  EXPECT_EQ(demanding("cuda12").error().id(), ErrorId::ReqRequirement);
}

TEST(Draft, QuotesTheNameOfAVariableOfTheImages) {
  auto request = asking_for(AllGpus{});
  for (const auto* requirement : {"cuda>=99", "cuda"}) {
    request.demands = {{"NVIDIA_REQUIRE_\x1b[2J", requirement}};
    const auto made = draft(request, sample_driver(), debian_image());

    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().text(), HasSubstr(R"("NVIDIA_REQUIRE_\x1b[2J")"));
  }
}

TEST(Draft, WarnsWhereTheKindOfAGpuDecides) {
  const auto open = demanding("cuda>=12.8 arch>=9.0");

  ASSERT_TRUE(open) << open.error().text();
  ASSERT_EQ(open->warnings.size(), 1U);
  EXPECT_EQ(open->warnings[0].id, WarningId::ReqUnknown);
  EXPECT_THAT(open->warnings[0].text, HasSubstr("arch is not known"));
  EXPECT_THAT(demanding("arch>=9.0", NoGpus{})->warnings, IsEmpty());
}

// Of a host with a Tesla of 8.0 and a GeForce of 8.9, as NVML said.
Result<Draft> demanding_of_both(const char* requirement, request::GpuSelection gpus) {
  auto request = asking_for(std::move(gpus));
  request.demands = {{"NVIDIA_REQUIRE_CUDA", requirement}};
  auto driver = sample_driver();
  driver.gpus.resize(2);
  driver.gpus[0].brand = "Tesla";
  driver.gpus[0].arch = "8.0";
  driver.gpus[1].brand = "GeForce";
  driver.gpus[1].arch = "8.9";
  return draft(request, driver, debian_image());
}

TEST(Draft, DecidesByTheKindOfEachGpuThatIsGiven) {
  const auto first = std::vector<request::GpuId>{request::GpuIndex{0}};

  const auto tesla = demanding_of_both("cuda>=12.8 brand=tesla,driver>=550,driver<551", first);
  EXPECT_THAT(tesla->warnings, IsEmpty());
  EXPECT_THAT(demanding_of_both("arch>=8.0", AllGpus{})->warnings, IsEmpty());
  const auto both = demanding_of_both("cuda>=12.8 brand=tesla,driver>=550,driver<551", AllGpus{});
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().id(), ErrorId::ReqUnmet);
  EXPECT_THAT(both.error().text(), HasSubstr("brand is GeForce"));
  EXPECT_THAT(demanding_of_both("arch>=9.0", first).error().text(), HasSubstr("arch is 8.0"));
}

TEST(Draft, KnowsTheCudaVersionOfAnUnknownBranchFromNvml) {
  auto request = asking_for(AllGpus{});
  request.demands = {{"NVIDIA_REQUIRE_CUDA", "cuda>=14.0"}};
  auto driver = sample_driver();
  driver.version = "999.1";
  EXPECT_EQ(draft(request, driver, debian_image())->warnings.size(), 1U);

  driver.cuda = "14.1";
  EXPECT_THAT(draft(request, driver, debian_image())->warnings, IsEmpty());
  driver.cuda = "13.9";
  EXPECT_EQ(draft(request, driver, debian_image()).error().id(), ErrorId::ReqUnmet);
}

TEST(Draft, SaysWhyNvmlDoesNotTell) {
  auto request = asking_for(AllGpus{});
  request.demands = {{"NVIDIA_REQUIRE_CUDA", "arch>=9.0"}};
  auto driver = sample_driver();
  driver.nvml_silence = "E_NVML_TIMEOUT: NVML did not answer";

  const auto open = draft(request, driver, debian_image());

  ASSERT_EQ(open->warnings.size(), 1U);
  EXPECT_THAT(open->warnings[0].text,
              HasSubstr("NVML does not tell: E_NVML_TIMEOUT: NVML did not answer; the container "
                        "starts"));
}

TEST(Draft, SaysWhichGpuTheHostDoesNotHave) {
  auto without = sample_driver();
  without.gpus.clear();

  const auto made = draft(asking_for(std::vector<GpuId>{GpuIndex{7}}), without, debian_image());

  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().text(), HasSubstr("there is no GPU 7 on this host; it has 0 ("));
}

TEST(Draft, RefusesAnImageForAnotherProcessor) {
  const auto native = elf::native().machine;
  const auto foreign =
      native == elf::Machine::X86_64 ? elf::Machine::AArch64 : elf::Machine::X86_64;
  auto image = debian_image();
  for (const auto machine : {foreign, elf::Machine::Arm}) {
    image.loader = elf::Identity{.machine = machine};

    const auto made = draft(asking_for(AllGpus{}), sample_driver(), image);

    ASSERT_FALSE(made) << elf::name_of(machine);
    EXPECT_EQ(made.error().id(), ErrorId::DstArch);
    EXPECT_THAT(made.error().text(), HasSubstr("is for " + elf::name_of(machine)));
  }
}

TEST(Draft, AcceptsAnImageWithA32BitLoaderOnX86) {
  if (elf::native().machine != elf::Machine::X86_64) GTEST_SKIP() << "about x86-64 only";
  auto image = debian_image();
  image.loader = elf::Identity{.elf_class = elf::Class::Elf32, .machine = elf::Machine::I386};

  EXPECT_TRUE(draft(asking_for(AllGpus{}), sample_driver(), image));
}

TEST(Draft, AcceptsAnImageWithoutALoader) {
  auto image = debian_image();
  image.libc = container::Libc::None;
  image.loader.reset();

  EXPECT_TRUE(draft(asking_for(AllGpus{}), sample_driver(), image));
}

TEST(Draft, TakesTheFirstOfTwoLibrariesOfOneNameAndSaysSoOfTheOther) {
  auto driver = sample_driver();
  driver.libraries.push_back({.path = {"/usr/lib/nvidia/current/libcuda.so.550.54.14"},
                              .links = {"libcuda.so.1"},
                              .abi = driver::Abi::Native,
                              .capabilities = {Capability::Compute}});

  const auto draft = drafted(asking_for(AllGpus{}), driver);

  EXPECT_THAT(names(draft, Kind::Library),
              ElementsAre("libnvidia-ml.so.550.54.14", "libcuda.so.550.54.14"));
  EXPECT_EQ(draft.mounts[1].source.value, "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14");
  EXPECT_EQ(draft.omitted.back(),
            (driver::Omitted{{"/usr/lib/nvidia/current/libcuda.so.550.54.14"},
                             "another file of that name is injected already"}));
  EXPECT_EQ(draft.links.size(), 3U);
}

TEST(Draft, KeepsTheFirstOfTwoLinksOfOneName) {
  auto driver = sample_driver();
  driver.libraries.push_back({.path = {"/usr/lib/libcuda-other.so.550.54.14"},
                              .links = {"libcuda.so.1"},
                              .abi = driver::Abi::Native,
                              .capabilities = {Capability::Compute}});

  EXPECT_THAT(links(drafted(asking_for(AllGpus{}), driver)),
              ElementsAre("libnvidia-ml.so.1 -> libnvidia-ml.so.550.54.14",
                          "libcuda.so.1 -> libcuda.so.550.54.14", "libcuda.so -> libcuda.so.1"));
}

}  // namespace
}  // namespace nvhook::plan
