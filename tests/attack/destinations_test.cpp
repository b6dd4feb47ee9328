// SPDX-License-Identifier: Apache-2.0
// Family D: what an image may have where the driver's files are due, and on the way there. What it
// has by links.
#include "attack/destinations.hpp"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <set>

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

TEST_P(Destinations, D00_AnHonestImageGetsTheDriver) {
  scene().traced = true;

  contained();

  EXPECT_GT(outcome().plan.mounts.size(), 20U);
}

// Every directory on the way to a target, and every target: "/usr", "/usr/lib", ...
struct Components {
  std::set<std::string> directories;
  std::set<std::string> targets;
};

Components components_of(const PlanOfRun& plan) {
  Components all;
  const auto add = [&](const std::string& target) {
    all.targets.insert(target);
    for (auto path = fs::path(target).parent_path(); path != "/"; path = path.parent_path())
      all.directories.insert(path.string());
  };
  for (const auto& mount : plan.mounts) add(mount.target);
  for (const auto& link : plan.links) add(link.path);
  return all;
}

TEST_P(Destinations, D01_AnyOneComponentIsALink) {
  run_hook();
  const auto [directories, targets] = components_of(outcome().plan);
  ASSERT_GT(directories.size(), 4U);
  ASSERT_GT(targets.size(), 30U);
  const auto try_links = [&](const std::string& component, const std::set<std::string>& kinds) {
    for (const auto& kind : kinds) {
      SCOPED_TRACE(component + " is a link to " + kind);
      start_over();
      scene().container.dev = TestContainer::Dev::Image;
      auto text = kind;
      if (kind == "victim") text = victim().on_disk().string();
      if (kind == "../victim") text = "../../../../../../../.." + victim().on_disk().string();
      if (kind == "itself") text = fs::path(component).filename();
      replace_by_link(component, text);

      contained_or_refused({"E_DST_RESOLVE", "E_DST_TYPE"});
    }
  };

  for (const auto& directory : directories)
    try_links(directory, {"/", "victim", "../victim", ".", "itself"});
  for (const auto& target : {library_, soname_, program_, node_})
    try_links(target, {"/", ".", "itself"});
  for (const auto& target : targets) try_links(target, {"victim", "../victim"});
}

TEST_P(Destinations, D02_ALinkToADirectoryThatOnlyTheHostHas) {
  replace_by_link(kLibraryDirectory, victim().on_disk().string());

  refused("E_DST_RESOLVE");
}

TEST_P(Destinations, D02_ALinkToADirectoryThatTheImageHasToo) {
  const auto name = victim().on_disk().string();
  image().directory(name);
  replace_by_link(kLibraryDirectory, name);

  contained();

  EXPECT_EQ(outcome().plan.mounts.at(0).target.find(name), 0U);
}

TEST_P(Destinations, D03_DevIsALink) {
  for (const auto& text : {std::string("/"), std::string("/tmp"), std::string("usr"),
                           "../../.." + victim().on_disk().string()}) {
    SCOPED_TRACE(text);
    start_over();
    image().directory("/tmp").directory("/usr");
    scene().container.dev = TestContainer::Dev::Image;
    replace_by_link("/dev", text);

    refused("E_DST_RESOLVE");
  }
}

TEST_P(Destinations, D04_TheDirectoryIsALinkToAnotherMount) {
  for (const auto* text : {"/proc", "/proc/sys", "/sys", "/sys/fs/cgroup", "/dev", "/dev/shm"}) {
    SCOPED_TRACE(text);
    start_over();
    image().directory("/sys");
    scene().container.further = [](const fs::path& rootfs) {
      fs::create_directory(rootfs / "dev/shm");
      const int results[] = {
          ::mount("tmpfs", (rootfs / "dev/shm").c_str(), "tmpfs", 0, nullptr),
          ::mount("sysfs", (rootfs / "sys").c_str(), "sysfs", 0, nullptr),
          ::mount("tmpfs", (rootfs / "sys/fs/cgroup").c_str(), "tmpfs", 0, nullptr)};
      return std::ranges::max(results, {}, [](int result) { return result != 0; });
    };
    replace_by_link(kLibraryDirectory, text);

    refused("E_DST_FOREIGN_MOUNT");
  }
}

TEST_P(Destinations, D04_TheDirectoryIsALinkToAnotherOfTheRoot) {
  for (const auto* text : {"/etc", "/", "/usr/bin", "../../lib64"}) {
    SCOPED_TRACE(text);
    start_over();
    replace_by_link(kLibraryDirectory, text);

    contained();
  }
}

// Procfs has links that lead anywhere: nvhook's own root, directory and files. It is a mount, and
// none is entered on the way.
TEST_P(Destinations, D05_AComponentIsALinkThroughProcfs) {
  std::vector<std::string> texts = {"/proc/1/root",           "/proc/self/root", "/proc/self/cwd",
                                    "/proc/thread-self/root", "/proc/self/exe",  "/dev/fd/5"};
  for (int fd = 0; fd <= 20; ++fd) texts.push_back("/proc/self/fd/" + std::to_string(fd));
  for (const auto& text : texts) {
    const auto* component = text.starts_with("/proc/self/fd/") ? kLibraryDirectory : "/usr";
    SCOPED_TRACE(component + (" is a link to " + text));
    start_over();
    scene().container.further = [](const fs::path& rootfs) {
      return ::symlink("/proc/self/fd", (rootfs / "dev/fd").c_str());
    };
    replace_by_link(component, text);

    refused("E_DST_FOREIGN_MOUNT");
  }
}

TEST_P(Destinations, D05_DevIsALinkThroughProcfs) {
  for (const auto* text : {"/proc/1/root/dev", "/proc/self/root/dev", "/proc/self/cwd/dev"}) {
    SCOPED_TRACE(text);
    start_over();
    scene().container.dev = TestContainer::Dev::Image;
    replace_by_link("/dev", text);

    refused("E_DST_FOREIGN_MOUNT");
  }
}

TEST_P(Destinations, D06_ADanglingLinkStandsWhereAFileIsDue) {
  for (const auto* text : {"/nonexistent/x", "libcuda.so.535.104.05", "nothing"}) {
    for (const auto& target : {library_, program_}) {
      SCOPED_TRACE(target + " is a link to " + text);
      start_over();
      replace_by_link(target, text);

      refused("E_DST_TYPE");
    }
  }
}

TEST_P(Destinations, D06_ADanglingLinkStandsWhereALinkIsDue) {
  for (const auto& text : {std::string("/nonexistent/x"), std::string("libcuda.so.535.104.05"),
                           victim().on_disk("/file").string()}) {
    SCOPED_TRACE(text);
    start_over();
    scene().traced = true;
    replace_by_link(soname_, text);

    contained();

    EXPECT_EQ(fs::read_symlink(container().inside(soname_)), "libcuda.so.550.54.14");
    EXPECT_FALSE(fs::exists(container().inside("/nonexistent")));
  }
}

TEST_P(Destinations, D07_TheDirectoryOfALinkIsALink) {
  for (const auto& text :
       {victim().on_disk().string(), "../../../../.." + victim().on_disk().string()}) {
    SCOPED_TRACE(text);
    start_over();
    image().directory("/opt");
    replace_by_link(kLibraryDirectory, "/opt/lib");
    image().symlink("/opt/lib", text);

    refused("E_DST_RESOLVE");
  }
}

TEST_P(Destinations, D08_SomethingElseStandsWhereALinkIsDue) {
  struct Case {
    const char* what;
    std::function<void(const fs::path&)> make;
  };
  const std::vector<Case> cases = {
      {"a directory", [](const fs::path& at) { fs::create_directory(at); }},
      {"a link to a file of the image", [](const fs::path& at) { fs::create_symlink("/etc", at); }},
      {"a fifo", [](const fs::path& at) { ::mkfifo(at.c_str(), 0600); }},
      {"a device", [](const fs::path& at) { ::mknod(at.c_str(), S_IFCHR, makedev(1, 3)); }},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    start_over();
    each.make(image().on_disk(soname_));

    skipped("W_LINK_EXISTS");
  }
}

TEST_P(Destinations, D08_AFileStandsWhereALinkIsDue) {
  image().file(soname_, "the image's");

  contained();

  EXPECT_NE(std::ranges::find(outcome().plan.mounts, soname_, &PlannedMount::target),
            outcome().plan.mounts.end());
}

TEST_P(Destinations, D08_TheLinkIsThereAlready) {
  image().symlink(soname_, "libcuda.so.550.54.14");

  contained();

  EXPECT_EQ(std::ranges::find(outcome().plan.links, soname_, &PlannedLink::path),
            outcome().plan.links.end());
}

// A hook that looks at a file's mode to see whether it made the file itself takes these for its
// own.
TEST_P(Destinations, D09_ALinkToAFileOfTheHostOfTheSameModeStandsAtATarget) {
  for (const unsigned mode : {0444U, 0644U, 0755U}) {
    for (const auto& target : {library_, program_}) {
      SCOPED_TRACE(target);
      start_over();
      const auto file = victim().on_disk("/file");
      fs::permissions(file, fs::perms{mode});
      replace_by_link(target, file.string());

      refused("E_DST_TYPE");
    }
  }
}

TEST_P(Destinations, D18_AsManyLinksAsTheKernelFollows) {
  for (const auto& [links, fine] : {std::pair{1, true}, {39, true}, {40, true}, {41, false}}) {
    SCOPED_TRACE(links);
    start_over();
    // The last is the directory.
    fs::remove_all(image().on_disk("/usr/lib"));
    for (int i = 1; i <= links; ++i)
      image().symlink(i == 1 ? "/usr/lib" : "/links/" + std::to_string(i),
                      "/links/" + std::to_string(i + 1));
    image().directory("/links/" + std::to_string(links + 1));

    if (fine)
      contained();
    else
      refused("E_DST_RESOLVE");
  }
}

TEST_P(Destinations, D18_LinksOfSeveralChainsCountTogether) {
  for (const auto& [second, fine] : {std::pair{20, true}, {21, false}}) {
    SCOPED_TRACE(second);
    start_over();
    fs::remove_all(image().on_disk("/usr/lib"));
    for (int i = 1; i <= 20; ++i)
      image().symlink(i == 1 ? "/usr/lib" : "/first/" + std::to_string(i),
                      i == 20 ? "/second/1/below" : "/first/" + std::to_string(i + 1));
    for (int i = 1; i <= second; ++i)
      image().symlink("/second/" + std::to_string(i), std::to_string(i + 1));
    image().directory("/second/" + std::to_string(second + 1) + "/below");

    if (fine)
      contained();
    else
      refused("E_DST_RESOLVE");
  }
}

TEST_P(Destinations, D18_LinksInARing) {
  for (const auto* other : {"/usr/lib", "/usr/other"}) {
    SCOPED_TRACE(other);
    start_over();
    replace_by_link("/usr/lib", other);
    if (std::string_view(other) == "/usr/other") image().symlink("/usr/other", "lib");

    refused("E_DST_RESOLVE");
  }
}

INSTANTIATE_TEST_SUITE_P(Kernel, Destinations, ::testing::ValuesIn(variants()), name_of_instance);

}  // namespace
}  // namespace nvhook::test
