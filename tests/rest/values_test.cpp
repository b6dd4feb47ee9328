// SPDX-License-Identifier: Apache-2.0
// What the original got wrong, or could not know yet.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nvhook/rest/facts.hpp"
#include "rest/asking.hpp"
#include "rest/hardware_tables.hpp"
#include "rest/samples.hpp"

namespace nvhook::rest {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

Json device(Facts facts, std::string_view path, std::size_t index) {
  return Json::parse(ask(std::move(facts), path).body)["Devices"][index];
}

TEST(Values, KnowTodaysArchitectures) {
  struct Row {
    std::string_view arch;
    Json family, cores;  // of 15 multiprocessors
  };
  const std::vector<Row> rows = {
      {"1.3", "Tesla", 15 * 8},        {"2.0", "Fermi", 15 * 32},
      {"2.1", "Fermi", 15 * 48},       {"3.7", "Kepler", 15 * 192},
      {"5.2", "Maxwell", 15 * 128},    {"6.0", "Pascal", 15 * 64},
      {"6.1", "Pascal", 15 * 128},     {"7.0", "Volta", 15 * 64},
      {"7.5", "Turing", 15 * 64},      {"8.0", "Ampere", 15 * 64},
      {"8.6", "Ampere", 15 * 128},     {"8.9", "Ada Lovelace", 15 * 128},
      {"9.0", "Hopper", 15 * 128},     {"10.0", "Blackwell", 15 * 128},
      {"12.0", "Blackwell", 15 * 128}, {"12.1", "Blackwell", 15 * 128},
      {"13.0", nullptr, nullptr},      {"1.9", nullptr, nullptr},
      {"1", nullptr, nullptr},         {"", nullptr, nullptr},
  };
  for (const auto& [arch, family, cores] : rows) {
    SCOPED_TRACE(arch);
    auto facts = one_gpu();
    facts.nvml.gpus[0].arch = arch;

    const auto told = device(facts, "/gpu/info/json", 0);

    EXPECT_EQ(told["Arch"], arch);
    EXPECT_EQ(told["Family"], family);
    EXPECT_EQ(told["Cores"], cores);
  }
}

TEST(Values, KnowTodaysGenerationsOfPciExpress) {
  const std::vector<Json> per_lane = {nullptr, 250, 500, 985, 1969, 3938, 7563, nullptr};
  for (std::uint32_t generation = 0; generation < per_lane.size(); ++generation) {
    SCOPED_TRACE(generation);
    auto facts = one_gpu();
    facts.nvml.gpus[0].hardware->pcie_generation = generation;
    facts.nvml.gpus[0].hardware->pcie_width = 1;

    EXPECT_EQ(device(facts, "/gpu/info/json", 0)["PCI"]["Bandwidth"], per_lane[generation]);
  }
}

TEST(Values, TellHowNearTwoGpusAre) {
  struct Row {
    std::optional<std::string> level;
    int link;
    std::string_view text;
  };
  const std::vector<Row> rows = {
      {"system", 1, "Cross CPU socket"},
      {"numa-node", 2, "Same CPU socket"},
      {"host-bridge", 3, "Host PCI bridge"},
      {"several-switches", 4, "Multiple PCI switches"},
      {"single-switch", 5, "Single PCI switch"},
      {"same-board", 6, "Same board"},
      {std::nullopt, 0, "N/A"},
      {"another", 0, "N/A"},
  };
  for (const auto& [level, link, text] : rows) {
    SCOPED_TRACE(text);
    auto facts = two_gpus();
    facts.nvml.gpus[0].links->front().level = level;

    EXPECT_EQ(device(facts, "/gpu/info/json", 0)["Topology"][0]["Link"], link);
    EXPECT_THAT(ask(facts, "/gpu/info").body,
                HasSubstr("    0000:0A:00.0 - " + std::string(text) + "\n"));
  }
}

TEST(Values, TellOfNoPartnerWhoseMemoryIsNotRead) {
  auto facts = two_gpus();
  facts.nvml.gpus[0].links->front().p2p = false;
  facts.nvml.gpus[1].links->front().p2p.reset();

  EXPECT_EQ(device(facts, "/gpu/info/json", 0)["Topology"], nullptr);
  EXPECT_EQ(device(facts, "/gpu/info/json", 1)["Topology"], nullptr);
}

TEST(Values, SurviveAPartnerThatIsNotThere) {
  auto facts = two_gpus();
  facts.nvml.gpus[0].links->front().index = 2;

  EXPECT_EQ(device(facts, "/gpu/info/json", 0)["Topology"], nullptr);
}

TEST(Values, AreNullWhereTheDriverDoesNotSay) {
  const auto info = device(silent_gpus(), "/gpu/info/json", 0);
  EXPECT_EQ(info, Json::parse(R"({
    "UUID": "GPU-a1c2e3f4-0b1d-4c5e-8f90-1234567890ab", "Path": "/dev/nvidia0", "Model": null,
    "Power": null, "CPUAffinity": 0,
    "PCI": {"BusID": "0000:05:00.0", "BAR1": null, "Bandwidth": null},
    "Clocks": {"Cores": null, "Memory": null}, "Topology": null, "Family": null, "Arch": null,
    "Cores": null, "Memory": {"ECC": null, "Global": null, "Shared": null, "Constant": null,
                              "L2Cache": null, "Bandwidth": null}})"));

  const auto status = device(silent_gpus(), "/gpu/status/json", 0);
  EXPECT_EQ(status, Json::parse(R"({
    "Power": null, "Temperature": null,
    "Utilization": {"GPU": null, "Memory": null, "Encoder": null, "Decoder": null},
    "Memory": {"GlobalUsed": null, "ECCErrors": {"L1Cache": null, "L2Cache": null, "Global": null}},
    "Clocks": {"Cores": null, "Memory": null},
    "PCI": {"BAR1Used": null, "Throughput": {"RX": null, "TX": null}}, "Processes": null})"));
}

TEST(Values, AreNotAvailableInTextWhereTheDriverDoesNotSay) {
  EXPECT_THAT(ask(silent_gpus(), "/gpu/info").body, HasSubstr("  PCI\n"
                                                              "    Bus ID:     0000:05:00.0\n"
                                                              "    BAR1:       N/A\n"
                                                              "    Bandwidth:  N/A\n"
                                                              "  Memory\n"
                                                              "    ECC:        N/A\n"));
  EXPECT_THAT(ask(silent_gpus(), "/gpu/info").body, HasSubstr("  Clocks\n"
                                                              "    Cores:        N/A\n"
                                                              "    Memory:       N/A\n"
                                                              "  P2P Available:  None\n"));
  EXPECT_THAT(ask(silent_gpus(), "/gpu/status").body, HasSubstr("  Power:        N/A\n"
                                                                "  Temperature:  N/A\n"));
}

// The original answered 500, or 200 and the text of its failure behind half a body.
TEST(Values, OfALostGpuAreNullAndThoseOfTheOthersAreThere) {
  EXPECT_EQ(device(lost_gpu(), "/gpu/status/json", 0)["Power"], 20);
  EXPECT_EQ(device(lost_gpu(), "/gpu/status/json", 1)["Power"], nullptr);
  EXPECT_EQ(device(lost_gpu(), "/gpu/info/json", 1)["UUID"], nullptr);
  EXPECT_THAT(ask(lost_gpu(), "/gpu/info").body, HasSubstr("Device #1\n"
                                                           "  Model:         N/A\n"
                                                           "  UUID:          N/A\n"
                                                           "  Path:          N/A\n"));
}

TEST(Values, AreEachNullOnItsOwn) {
  auto facts = two_gpus();
  facts.nvml.gpus[1].status->ecc_l1.reset();
  facts.nvml.gpus[1].status->clock_memory_mhz.reset();

  const auto status = device(facts, "/gpu/status/json", 1);

  EXPECT_EQ(status["Memory"]["ECCErrors"],
            (Json{{"L1Cache", nullptr}, {"L2Cache", 0}, {"Global", 2}}));
  EXPECT_EQ(status["Clocks"], (Json{{"Cores", 745}, {"Memory", nullptr}}));
}

TEST(Values, HaveAHalfOfAPairOnlyWithTheOther) {
  auto facts = two_gpus();
  facts.nvml.gpus[0].hardware->power_limit_mw.reset();
  facts.nvml.gpus[1].status->power_mw.reset();

  EXPECT_THAT(ask(facts, "/gpu/status").body, Not(HasSubstr(" W\n")));
}

// A client of 2016 knows no null here.
TEST(Processes, ThatEndedHaveNoNameAndNoMemory) {
  auto facts = two_gpus();
  facts.nvml.gpus[1].status->processes =
      std::vector{nvml::Process{.pid = 7, .name = {}, .memory_bytes = {}}};

  EXPECT_EQ(device(facts, "/gpu/status/json", 1)["Processes"],
            Json::parse(R"([{"PID": 7, "Name": "", "MemoryUsed": 0}])"));
  EXPECT_THAT(ask(facts, "/gpu/status").body, HasSubstr("    - PID:     7\n"
                                                        "      Name:    N/A\n"
                                                        "      Memory:  N/A\n"));
}

TEST(Processes, AreNotLimitedToThirtyTwo) {
  auto facts = one_gpu();
  facts.nvml.gpus[0].status->processes =
      std::vector(100, nvml::Process{.pid = 7, .name = "a", .memory_bytes = 0});

  EXPECT_EQ(device(facts, "/gpu/status/json", 0)["Processes"].size(), 100U);
}

TEST(Processes, AreHiddenWhereTheSettingsSaySo) {
  auto service = service_of(two_gpus(), {.processes = Processes::Hidden});

  const auto json = Json::parse(ask(service, "/gpu/status/json").body);

  EXPECT_EQ(json["Devices"][1]["Processes"], nullptr);
  EXPECT_EQ(json["Devices"][1]["Power"], 149);
  EXPECT_THAT(ask(service, "/gpu/status").body, Not(HasSubstr("python")));
}

TEST(Values, HaveTheNodeNextToAGpu) {
  auto facts = two_gpus();
  facts.numa_nodes = {3};

  EXPECT_EQ(device(facts, "/gpu/info/json", 0)["CPUAffinity"], 3);
  EXPECT_EQ(device(facts, "/gpu/info/json", 1)["CPUAffinity"], 0);
  EXPECT_THAT(ask(facts, "/gpu/info").body, HasSubstr("  CPU Affinity:  NUMA node3\n"));
}

TEST(NumaNode, IsZeroWhereTheMachineSaysNone) {
  EXPECT_EQ(parse_numa_node("0\n"), 0U);
  EXPECT_EQ(parse_numa_node("1\n"), 1U);
  EXPECT_EQ(parse_numa_node("127"), 127U);
  EXPECT_EQ(parse_numa_node("1023\n"), 1023U);
  for (const auto* text : {"-1\n", "", "\n", "a", "1 \n", " 1", "1\n\n", "1024", "4294967296"})
    EXPECT_EQ(parse_numa_node(text), 0U) << text;
}

}  // namespace
}  // namespace nvhook::rest
