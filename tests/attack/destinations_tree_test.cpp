// SPDX-License-Identifier: Apache-2.0
// Family D in layout "tree": what stands where the directory of ours is mounted, on the way to it,
// and in it. On old kernels it is made in the root itself.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "attack/canaries.hpp"
#include "attack/destinations.hpp"
#include "attack/mounted.hpp"
#include "attack/special_files.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

class DestinationsOfTrees : public Destinations {
 protected:
  const std::string tree_ = "/usr/local/nvidia";

  // Names in the image's own directory: they lie under the mount, or are in the way.
  void contained_or_in_the_way() {
    if (GetParam().tier == Tier::New)
      contained();
    else
      contained_or_refused({"E_DST_TYPE", "E_RACE", "E_DST_FOREIGN_MOUNT", "E_DST_RESOLVE"});
  }
};

TEST_P(DestinationsOfTrees, D00_AnHonestImageGetsTheDriver) {
  scene().traced = true;

  contained();

  EXPECT_EQ(outcome().plan.tree, tree_);
  EXPECT_GT(outcome().plan.mounts.size(), 20U);
}

TEST_P(DestinationsOfTrees, D01_AnyOneComponentIsALink) {
  for (const std::string component : {"/usr", "/usr/local", "/usr/bin", "/usr/local/nvidia"}) {
    for (const std::string kind : {"/", "victim", "../victim", ".", "itself"}) {
      SCOPED_TRACE(component + " is a link to " + kind);
      start_over();
      auto text = kind;
      if (kind == "victim") text = victim().on_disk().string();
      if (kind == "../victim") text = "../../../../../../../.." + victim().on_disk().string();
      if (kind == "itself") text = fs::path(component).filename();
      replace_by_link(component, text);

      contained_or_refused({"E_DST_RESOLVE", "E_DST_TYPE"});
    }
  }
}

TEST_P(DestinationsOfTrees, D01_WhatIsInItIsALink) {
  for (const std::string name : {"lib64", "lib", "bin", "ld.so.cache", "lib64/libcuda.so.1"}) {
    for (const auto& text : {std::string("/"), victim().on_disk().string(),
                             victim().on_disk("/file").string(), std::string("../../../../..")}) {
      SCOPED_TRACE(name + " is a link to " + text);
      start_over();
      image().symlink(tree_ + "/" + name, text);

      contained_or_in_the_way();
    }
  }
}

TEST_P(DestinationsOfTrees, D04_TheTreeIsALinkToAnotherMount) {
  for (const auto* text : {"/proc", "/proc/1/root", "/dev", "/proc/self/cwd"}) {
    SCOPED_TRACE(text);
    start_over();
    replace_by_link("/usr/local", text);

    contained_or_refused({"E_DST_FOREIGN_MOUNT", "E_DST_RESOLVE"});
  }
}

TEST_P(DestinationsOfTrees, D08_TheImageHasProgramsOfTheDriver) {
  image().file("/usr/bin/nvidia-smi", "the image's");

  contained();

  start_over();
  image().directory("/usr/bin/nvidia-smi");

  skipped("W_LINK_EXISTS");
}

TEST_P(DestinationsOfTrees, D11_SomethingElseStandsWhereTheTreeIsDue) {
  image().file(tree_, "a file");

  refused("E_DST_TYPE");

  for (const auto& thing : special_files()) {
    SCOPED_TRACE(thing.what);
    start_over();
    image().directory("/usr/local");
    ASSERT_EQ(thing.make(image().on_disk(tree_)), 0);

    refused("E_DST_TYPE");
  }
}

TEST_P(DestinationsOfTrees, D12_SpecialFilesAreInTheTree) {
  for (const auto& thing : special_files()) {
    SCOPED_TRACE(thing.what);
    start_over();
    image().directory(tree_ + "/lib64");
    ASSERT_EQ(thing.make(image().on_disk(tree_ + "/lib64/libcuda.so.550.54.14")), 0);

    contained_or_in_the_way();
  }
}

TEST_P(DestinationsOfTrees, D17_AnOverlayGetsWhatIsPlannedAndNoMore) {
  const FakeRoot layers;
  const auto mounted = overlay_image(layers.on_disk(), "");
  const Canaries upper(layers.on_disk("/upper"));

  contained();

  for (const auto& complaint : upper.judge(outcome().plan)) ADD_FAILURE() << complaint.text;
}

TEST_P(DestinationsOfTrees, D22_AVolumeStandsAtOrAboveTheTree) {
  for (const std::string at : {"/usr/local/nvidia", "/usr/local", "/usr"}) {
    SCOPED_TRACE(at);
    start_over();
    victim().directory("/local").directory("/nvidia").directory("/bin");
    image().directory(at);
    scene().container.volumes = {{victim().on_disk().string(), at}};

    refused("E_DST_FOREIGN_MOUNT");
  }
}

TEST_P(DestinationsOfTrees, D22_AVolumeStandsInTheTree) {
  image().directory(tree_ + "/lib64");
  scene().container.volumes = {{victim().on_disk().string(), tree_ + "/lib64"}};

  contained_or_in_the_way();
}

INSTANTIATE_TEST_SUITE_P(Kernel, DestinationsOfTrees, ::testing::ValuesIn(variants_of_trees()),
                         name_of_instance);

}  // namespace
}  // namespace nvhook::test
