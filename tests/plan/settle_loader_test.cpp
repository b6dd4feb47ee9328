// SPDX-License-Identifier: Apache-2.0
// How a plan tells the image's loader of the libraries.
#include "plan/settle_loader.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "plan/plan_of.hpp"

namespace nvhook::plan {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const Content kTheirs{.bytes = "theirs", .mode = 0640, .owner = 100000, .group = 100001};

class LoaderOfAPlan : public PlanOf {
 protected:
  LoaderOfAPlan() { loader_file_ = in_etc(standing(Standing::File), kTheirs); }

  void image_is_of_musl() {
    image_.libc = container::Libc::Musl;
    image_.library_directory = {"/usr/lib64"};
  }

  // That nothing is done for the loader but to say so, once; what is said.
  [[nodiscard]] std::string not_told() const {
    const auto made = plan();
    EXPECT_EQ(made.loader.action, CacheAction::None);
    EXPECT_EQ(made.loader.path.value, "");
    EXPECT_EQ(made.loader.former, std::nullopt);
    EXPECT_THAT(made.files, IsEmpty());
    std::string said;
    for (const auto& warning : made.warnings)
      if (warning.id == WarningId::LdCache) said += warning.text;
    EXPECT_FALSE(said.empty());
    return said;
  }

  // "name path" of each.
  [[nodiscard]] static std::vector<std::string> findable(const Plan& plan) {
    std::vector<std::string> all;
    for (const auto& [name, path, kind] : plan.loader.libraries)
      all.push_back(name + " " + path.value);
    return all;
  }
};

// What is done

TEST_F(LoaderOfAPlan, TheImagesCacheIsExchangedForOneThatHasOursToo) {
  const auto made = plan();

  EXPECT_EQ(made.loader.action, CacheAction::Merge);
  EXPECT_EQ(made.loader.path.value, "/etc/ld.so.cache");
  EXPECT_EQ(made.loader.former, (Former{.link_text = {}, .content = kTheirs}));
  EXPECT_EQ(made.loader.bytes, "");
  EXPECT_THAT(made.warnings, IsEmpty());
}

TEST_F(LoaderOfAPlan, AnImageWithoutACacheGetsOne) {
  loader_file_ = in_etc({});

  const auto made = plan();

  EXPECT_EQ(made.loader.action, CacheAction::Create);
  EXPECT_EQ(made.loader.path.value, "/etc/ld.so.cache");
  EXPECT_EQ(made.loader.former, std::nullopt);
  EXPECT_THAT(made.warnings, IsEmpty());
}

TEST_F(LoaderOfAPlan, ALinkToACacheIsExchangedForTheCacheAndRemembered) {
  loader_file_ = in_etc(link_to("../var/ld.so.cache"), kTheirs);

  const auto made = plan();

  EXPECT_EQ(made.loader.action, CacheAction::Merge);
  EXPECT_EQ(made.loader.former, (Former{.link_text = "../var/ld.so.cache", .content = kTheirs}));
}

TEST_F(LoaderOfAPlan, ALinkToNothingIsExchangedForACacheOfOursAlone) {
  loader_file_ = in_etc(dangling_link_to("nowhere"));

  const auto made = plan();

  EXPECT_EQ(made.loader.action, CacheAction::Create);
  EXPECT_EQ(made.loader.former, (Former{.link_text = "nowhere", .content = {}}));
}

TEST_F(LoaderOfAPlan, ItsDirectoryIsNamedByWhereItReallyIs) {
  loader_file_->directory.resolved = {"/opt/etc"};

  EXPECT_EQ(plan().loader.path.value, "/opt/etc/ld.so.cache");
}

TEST_F(LoaderOfAPlan, AReadOnlyRootHasTheCacheMountedOverItsOwn) {
  const auto check = [this](const char* why) {
    SCOPED_TRACE(why);
    const auto made = plan();
    EXPECT_EQ(made.loader.action, CacheAction::Bind);
    EXPECT_EQ(made.loader.path.value, "/etc/ld.so.cache");
    EXPECT_EQ(made.tree, ContainerPath{"/dev/.nvhook"});
    EXPECT_THAT(made.files, IsEmpty());
    EXPECT_THAT(made.loader.directories, ElementsAre(ContainerPath{"/dev/.nvhook/lib64"}));
  };
  drafted_read_only_ = true;
  loader_directory_ = in_etc({});
  config_.root_readonly = true;
  check("config.json");
  config_.root_readonly = false;
  image_.read_only = true;
  check("the image's file system");
}

TEST_F(LoaderOfAPlan, ARootThatCannotBeWrittenToNeedNotLetTheDirectoryBeChanged) {
  root_is_read_only();
  loader_file_->directory.fixed = true;

  EXPECT_EQ(plan().loader.action, CacheAction::Bind);
}

TEST_F(LoaderOfAPlan, MuslsListOfDirectoriesIsExchangedAndTheImageWarnedOf) {
  image_is_of_musl();
  for (const bool has_one : {true, false}) {
    if (!has_one) loader_file_ = in_etc({});

    const auto made = plan();

    EXPECT_EQ(made.loader.action, CacheAction::MuslPath);
    EXPECT_THAT(made.loader.path.value, StartsWith("/etc/ld-musl-"));
    EXPECT_THAT(made.loader.path.value, ::testing::EndsWith(".path"));
    EXPECT_EQ(made.loader.former.has_value(), has_one);
    EXPECT_THAT(made.warnings, ElementsAre(Field(&Warning::id, WarningId::Musl)));
  }
}

TEST_F(LoaderOfAPlan, AnImageWithoutALoaderIsToldNothing) {
  image_.libc = container::Libc::None;
  image_.loader.reset();

  const auto made = plan();

  EXPECT_EQ(made.loader.action, CacheAction::None);
  EXPECT_EQ(made.loader.path.value, "");
  EXPECT_THAT(warnings(made), ElementsAre(WarningId::NoLoader));
}

TEST_F(LoaderOfAPlan, OfAnEmptyImageNobodyKnows) {
  image_.libc = container::Libc::None;
  image_.loader.reset();
  image_.empty = true;
  loader_file_.reset();

  EXPECT_EQ(plan().loader.action, CacheAction::Unknown);
}

TEST_F(LoaderOfAPlan, WithoutLibrariesThereIsNothingToTell) {
  request_ = test::asking_for(AllGpus{}, {Capability::Ngx});
  image_is_of_musl();

  const auto made = plan();

  EXPECT_EQ(made.loader, LoaderCache{});
  EXPECT_THAT(made.warnings, IsEmpty());
}

// What cannot be done

TEST_F(LoaderOfAPlan, WhatStandsInTheWayOfAFileIsSaid) {
  const auto directory_is = [](auto change) {
    auto facts = in_etc(standing(Standing::File), kTheirs);
    change(facts.directory);
    return facts;
  };
  auto mounted = in_etc(mounted_file(), kTheirs);
  auto unreachable = in_etc({});
  unreachable.trouble = "container directory \"/etc\": a loop";
  const struct {
    FileFacts facts;
    std::string_view says;
  } cases[] = {
      {unreachable, "container directory \"/etc\": a loop: the image's loader is not told"},
      {directory_is([](auto& it) { it.exists = false; }),
       "the directory of \"/etc/ld.so.cache\" is missing in the image: "},
      {directory_is([](auto& it) { it.mount = MountKind::Foreign; }),
       "\"/etc/ld.so.cache\" lies in a volume of the container's: "},
      {directory_is([](auto& it) { it.mount = MountKind::Dev; }), "lies in a volume"},
      {directory_is([](auto& it) { it.fixed = true; }),
       "the directory of \"/etc/ld.so.cache\" is append-only or immutable: "},
      {mounted, "\"/etc/ld.so.cache\" lies in a volume of the container's: "},
      {in_etc(standing(Standing::Directory)), "\"/etc/ld.so.cache\" is a directory in the image: "},
      {in_etc(node_of({1, 3})), "\"/etc/ld.so.cache\" is another device in the image: "},
      {in_etc(standing(Standing::Other)), "\"/etc/ld.so.cache\" is a special file in the image: "},
      {in_etc(standing(Standing::File)), "\"/etc/ld.so.cache\" is larger than 4 MiB: "},
  };
  for (const auto& test : cases) {
    loader_file_ = test.facts;
    const auto said = not_told();
    EXPECT_THAT(said, HasSubstr(test.says));
    EXPECT_THAT(said, Not(HasSubstr("LD_LIBRARY_PATH"))) << "the system's directories are known";
  }
}

TEST_F(LoaderOfAPlan, WhatStandsInTheWayOfAMountIsSaid) {
  root_is_read_only();
  auto shared = in_etc(standing(Standing::File), kTheirs);
  shared.directory.shared = true;
  const struct {
    FileFacts facts;
    std::string_view says;
  } cases[] = {
      {shared, "a mount at \"/etc/ld.so.cache\" would appear on the host: "},
      {in_etc({}), "the root is read-only, and \"/etc/ld.so.cache\" is nothing: "},
      {in_etc(link_to("x"), kTheirs),
       "the root is read-only, and \"/etc/ld.so.cache\" is a symbolic link: "},
      {in_etc(standing(Standing::Directory)), "\"/etc/ld.so.cache\" is a directory: "},
      {in_etc(standing(Standing::File)), "\"/etc/ld.so.cache\" is larger than 4 MiB: "},
      {in_etc(mounted_file(), kTheirs), "\"/etc/ld.so.cache\" lies in a volume"},
  };
  for (const auto& test : cases) {
    loader_file_ = test.facts;
    EXPECT_THAT(not_told(), HasSubstr(test.says));
  }
}

TEST_F(LoaderOfAPlan, AFileIsNoMountThatCouldAppearOnTheHost) {
  loader_file_->directory.shared = true;

  EXPECT_EQ(plan().loader.action, CacheAction::Merge);
}

TEST_F(LoaderOfAPlan, WhereATreeIsNotToldOfTheUserHearsWhichVariableHelps) {
  layout_ = Layout::Tree;
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Compat32});
  loader_file_ = in_etc(standing(Standing::Directory));
  loader_directory_ = in_etc({});

  EXPECT_THAT(not_told(),
              HasSubstr("; set LD_LIBRARY_PATH=/usr/local/nvidia/lib64:/usr/local/nvidia/lib"));
}

TEST_F(LoaderOfAPlan, AMuslImageIsWarnedOfEvenIfNothingCanBeDone) {
  image_is_of_musl();
  loader_file_ = in_etc(standing(Standing::Directory));

  EXPECT_THAT(not_told(), StartsWith("\"/etc/ld-musl-"));
  EXPECT_THAT(warnings(plan()), ElementsAre(WarningId::Musl, WarningId::LdCache));
}

// What is to be found

TEST_F(LoaderOfAPlan, LibrariesAreFoundByTheNamesOfTheirLinks) {
  EXPECT_THAT(findable(plan()), ElementsAre("libnvidia-ml.so.1 " + kLibraries + "libnvidia-ml.so.1",
                                            "libcuda.so.1 " + kLibraries + "libcuda.so.1",
                                            "libcuda.so " + kLibraries + "libcuda.so"));
  EXPECT_THAT(plan().loader.directories, ElementsAre(ContainerPath{image_.library_directory}));
}

TEST_F(LoaderOfAPlan, ALibraryWithoutLinksIsFoundByItsFilesName) {
  driver_.libraries[0].links.clear();

  EXPECT_THAT(findable(plan()),
              ElementsAre("libnvidia-ml.so.550.54.14 " + kLibraries + "libnvidia-ml.so.550.54.14",
                          "libcuda.so.1 " + kLibraries + "libcuda.so.1",
                          "libcuda.so " + kLibraries + "libcuda.so"));
}

TEST_F(LoaderOfAPlan, LibrariesFor32BitProgramsAreTold) {
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Compat32});

  const auto made = plan();

  const std::string theirs = "/usr/lib/i386-linux-gnu/";
  EXPECT_THAT(made.loader.libraries,
              ElementsAre(Findable{"libcuda.so.1", {kLibraries + "libcuda.so.1"}, Kind::Library},
                          Findable{"libcuda.so", {kLibraries + "libcuda.so"}, Kind::Library},
                          Findable{"libcuda.so.1", {theirs + "libcuda.so.1"}, Kind::Library32},
                          Findable{"libcuda.so", {theirs + "libcuda.so"}, Kind::Library32}));
  EXPECT_THAT(made.loader.directories,
              ElementsAre(image_.library_directory, image_.library32_directory));
}

TEST_F(LoaderOfAPlan, WhateverLeadsToOursIsFound) {
  for (const auto& found : {Found(), link_to("libcuda.so.550.54.14"), standing(Standing::File),
                            link_to("libcuda.so.535.104.05"), dangling_link_to("nowhere")}) {
    found_ = {{library("libcuda.so.1"), found}};
    EXPECT_THAT(findable(plan()), Contains("libcuda.so.1 " + kLibraries + "libcuda.so.1"))
        << found.link_text;
  }
}

TEST_F(LoaderOfAPlan, WhatStaysAndDoesNotLeadToOursIsNotFound) {
  for (const auto& found :
       {link_to("libmine.so"), standing(Standing::Directory), node_of({1, 3})}) {
    found_ = {{library("libcuda.so.1"), found}};
    const auto made = plan();
    EXPECT_THAT(warnings(made), ElementsAre(WarningId::LinkExists));
    EXPECT_THAT(made.loader.libraries, Each(Field(&Findable::name, Not("libcuda.so.1"))));
    EXPECT_EQ(made.loader.libraries.size(), 2U);
  }
}

TEST_F(LoaderOfAPlan, ProgramsAreNotLibraries) {
  layout_ = Layout::Tree;

  for (const auto& library : plan().loader.libraries)
    EXPECT_THAT(library.path.value, StartsWith("/usr/local/nvidia/lib64/"));
}

// What is told to ldconfig

TEST_F(LoaderOfAPlan, ATreeIsToldToLdconfig) {
  layout_ = Layout::Tree;
  request_ = test::asking_for(AllGpus{}, {Capability::Compute, Capability::Compat32});
  loader_directory_ = in_etc({});
  loader_directory_->directory.resolved = {"/etc/ld.so.conf.d"};

  EXPECT_THAT(plan().files, ElementsAre(File{{"/etc/ld.so.conf.d/00-nvhook.conf"},
                                             "/usr/local/nvidia/lib64\n/usr/local/nvidia/lib\n"}));
}

TEST_F(LoaderOfAPlan, LdconfigKnowsTheDirectoriesOfTheSystem) {
  loader_directory_ = in_etc({});

  EXPECT_THAT(plan().files, IsEmpty());
}

TEST_F(LoaderOfAPlan, LdconfigIsNotToldWhereThatWouldChangeMoreThanAName) {
  layout_ = Layout::Tree;
  const auto directory_is = [](auto change) {
    auto facts = in_etc({});
    change(facts.directory);
    return facts;
  };
  auto unreachable = in_etc({});
  unreachable.trouble = "a loop";
  for (const auto& facts : {directory_is([](auto& it) { it.exists = false; }),
                            directory_is([](auto& it) { it.mount = MountKind::Foreign; }),
                            directory_is([](auto& it) { it.fixed = true; }), unreachable,
                            in_etc(standing(Standing::File)), in_etc(link_to("x")),
                            in_etc(standing(Standing::Directory))}) {
    loader_directory_ = facts;
    const auto made = plan();
    EXPECT_THAT(made.files, IsEmpty());
    EXPECT_EQ(made.loader.action, CacheAction::Merge);
    EXPECT_THAT(made.warnings, IsEmpty());
  }
}

TEST_F(LoaderOfAPlan, MuslHasNoLdconfig) {
  layout_ = Layout::Tree;
  image_is_of_musl();
  loader_directory_ = in_etc({});

  EXPECT_THAT(plan().files, IsEmpty());
}

// Programs

TEST_F(LoaderOfAPlan, ProgramsWithoutLinksAreWarnedOf) {
  root_is_read_only();

  const auto made = plan();

  ASSERT_THAT(warnings(made), ElementsAre(WarningId::ProgramPath));
  EXPECT_THAT(made.warnings[0].text, HasSubstr("\"/dev/.nvhook/bin/nvidia-smi\""));
  for (const auto& symlink : made.symlinks)
    EXPECT_THAT(symlink.path.value, StartsWith("/dev/.nvhook/lib64/"));
}

TEST_F(LoaderOfAPlan, ProgramsThatAreNotThereAreNotWarnedOf) {
  root_is_read_only();
  request_ = test::asking_for(AllGpus{}, {Capability::Video});

  EXPECT_THAT(plan().warnings, IsEmpty());
}

}  // namespace
}  // namespace nvhook::plan
