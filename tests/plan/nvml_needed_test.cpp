// SPDX-License-Identifier: Apache-2.0
#include "nvhook/plan/nvml_needed.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace nvhook::plan {
namespace {

using request::AllGpus;
using request::GpuBus;
using request::GpuIndex;
using request::GpuSelection;
using request::GpuUuid;
using request::MigIndex;
using request::MigInstance;
using request::MigUuid;
using request::NoGpus;
using request::Request;

driver::Gpu gpu(const char* uuid) {
  driver::Gpu gpu;
  gpu.uuid = uuid;
  return gpu;
}

const std::vector<driver::Gpu> kKnown = {gpu("GPU-1"), gpu("GPU-2")};
const std::vector<driver::Gpu> kUnknown = {gpu("GPU-1"), gpu("GPU-????????")};

Request request_for(GpuSelection gpus, const std::vector<std::string>& requirements = {}) {
  Request request;
  request.gpus = std::move(gpus);
  for (const auto& each : requirements) request.demands.push_back({"NVIDIA_REQUIRE_CUDA", each});
  return request;
}

GpuSelection just(request::GpuId id) { return std::vector<request::GpuId>{std::move(id)}; }

struct Row {
  const char* what;
  Request request;
  bool needed;
};

TEST(NvmlNeeded, ForWhatNothingElseKnows) {
  // Of a driver that has CUDA 12.4.
  const std::vector<Row> table = {
      {"no demand", request_for(AllGpus{}), false},
      {"decided by CUDA", request_for(AllGpus{}, {"cuda>=12.4 brand=tesla"}), false},
      {"decided by the driver",
       request_for(AllGpus{}, {"cuda>=12.8 brand=tesla,driver>=535,driver<536"}), false},
      {"decided by another alternative",
       request_for(AllGpus{}, {"brand=tesla,driver>=550,driver<551 driver>=450"}), false},
      {"brand decides", request_for(AllGpus{}, {"cuda>=12.8 brand=tesla,driver>=550,driver<551"}),
       true},
      {"arch decides", request_for(AllGpus{}, {"arch>=9.0"}), true},
      {"one of two demands is open", request_for(AllGpus{}, {"cuda>=12.0", "arch>=9.0"}), true},
      {"another demand fails", request_for(AllGpus{}, {"arch>=9.0", "cuda>=13.0"}), false},
      {"an expression is none", request_for(AllGpus{}, {"arch>=9.0", "cuda12"}), false},
      {"no GPU is asked for", request_for(NoGpus{}, {"arch>=9.0"}), false},
      {"a GPU by its place", request_for(just(GpuIndex{1})), false},
      {"a GPU by its bus", request_for(just(GpuBus{0, 1, 0})), false},
      {"a GPU by its UUID", request_for(just(GpuUuid{"GPU-2"})), false},
      {"a MIG device by its place", request_for(just(MigIndex{0, 1})), true},
      {"a MIG device by its UUID", request_for(just(MigUuid{"MIG-1"})), true},
      {"a MIG device by its instances", request_for(just(MigInstance{"GPU-1", 1, 0})), false},
  };
  for (const auto& [what, request, needed] : table)
    EXPECT_EQ(nvml_needed(request, "550.54.14", kKnown), needed) << what;
}

TEST(NvmlNeeded, ForAUuidWhileTheDriverDoesNotKnowAll) {
  EXPECT_TRUE(nvml_needed(request_for(just(GpuUuid{"GPU-2"})), "550.54.14", kUnknown));
  EXPECT_TRUE(nvml_needed(request_for(just(MigInstance{"GPU-2", 1, 0})), "550.54.14", kUnknown));
  EXPECT_FALSE(nvml_needed(request_for(AllGpus{}), "550.54.14", kUnknown));
  EXPECT_FALSE(nvml_needed(request_for(just(GpuIndex{1})), "550.54.14", kUnknown));
}

TEST(NvmlNeeded, ForTheCudaVersionOfAnUnknownBranch) {
  EXPECT_TRUE(nvml_needed(request_for(AllGpus{}, {"cuda>=12.4"}), "999.1", kKnown));
  EXPECT_TRUE(nvml_needed(request_for(NoGpus{}, {"cuda>=12.4"}), "999.1", kKnown));
  EXPECT_FALSE(nvml_needed(request_for(AllGpus{}, {"driver>=450"}), "999.1", kKnown));
}

TEST(NvmlNeeded, NotWithoutGpus) {
  EXPECT_FALSE(nvml_needed(request_for(AllGpus{}, {"arch>=9.0"}), "550.54.14", {}));
}

}  // namespace
}  // namespace nvhook::plan
