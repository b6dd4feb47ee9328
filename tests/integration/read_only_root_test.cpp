// SPDX-License-Identifier: Apache-2.0
// Containers whose root is read-only, under real runc and crun: they get the driver beside the
// root, and nothing is written to it.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <filesystem>
#include <memory>
#include <tuple>

#include "integration/gpu_bundle.hpp"
#include "integration/tree_picture.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Combine;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::TestParamInfo;
using ::testing::Values;
using ::testing::ValuesIn;

constexpr auto kTree = "/dev/.nvhook";
constexpr auto kLibraries = "/dev/.nvhook/lib64";

void as_it_is(GpuBundle& /*bundle*/) {}
void with_cache(GpuBundle& bundle) { bundle.make_cache(); }
void with_musl_path(GpuBundle& bundle) {
  bundle.write("/etc/ld-musl-x86_64.path", "/lib:/usr/local/lib:/usr/lib\n");
}

struct Image {
  const char* name;
  const char* kind;             // of tests/roots
  void (*prepare)(GpuBundle&);  // what the build of the image does
  std::vector<std::string> messages;
};
void PrintTo(const Image& image, std::ostream* out) { *out << image.name; }

const Image kGlibcImages[] = {
    {"minbase", "minbase", as_it_is, {"W_PROGRAM_PATH"}},
    {"lib64", "lib64", as_it_is, {"W_PROGRAM_PATH"}},
    {"distroless_with_cache", "distroless", with_cache, {"W_PROGRAM_PATH"}},
};
const Image kMuslImages[] = {
    {"musl_with_path", "musl", with_musl_path, {"W_PROGRAM_PATH", "W_MUSL"}},
};

enum class By {
  Config,      // root.readonly
  FileSystem,  // it takes no writing
};
const char* name_of(By by) { return by == By::Config ? "by_config" : "by_file_system"; }
void PrintTo(By by, std::ostream* out) { *out << name_of(by); }

// What was written to the root so far is the image; nothing is to follow.
void make_read_only(GpuBundle& bundle, By by) {
  bundle.config["root"]["readonly"] = by == By::Config;
  if (by == By::Config) return;
  ASSERT_EQ(::mount(nullptr, bundle.rootfs("/").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr),
            0);
}

TreePicture picture_of_layer(const GpuBundle& bundle) {
  return picture_of(bundle.path() / "upper");
}

class ReadOnlyRoot : public ::testing::TestWithParam<std::tuple<Image, By, Engine>> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
    bundle_ = std::make_unique<GpuBundle>(image().kind, Layout::System);
    image().prepare(*bundle_);
    make_read_only(*bundle_, std::get<By>(GetParam()));
  }
  // Without poststop records stay.
  void TearDown() override {
    bundle_.reset();
    run({NVHOOK_PROGRAM, "cleanup"});
  }
  static const Image& image() { return std::get<Image>(GetParam()); }
  static Engine engine() { return std::get<Engine>(GetParam()); }

  std::unique_ptr<GpuBundle> bundle_;
};

TEST_P(ReadOnlyRoot, IsNotWrittenAndTheLoaderFindsTheLibrariesBesideIt) {
  bundle_->use_hooks({"createRuntime"});
  const auto before = picture_of_layer(*bundle_);

  const auto done = bundle_->look_for_libraries(engine());

  EXPECT_EQ(done.status, 0) << done.err << bundle_->log();
  EXPECT_EQ(done.out, GpuBundle::found_in(kLibraries));
  EXPECT_THAT(bundle_->messages(), ElementsAreArray(image().messages)) << bundle_->log();
  EXPECT_THAT(differences(before, picture_of_layer(*bundle_)), IsEmpty());
}

// The driver's programs need glibc.
class ReadOnlyGlibcRoot : public ReadOnlyRoot {};

TEST_P(ReadOnlyGlibcRoot, HasTheDriversProgramsBesideIt) {
  bundle_->use_hooks({"createRuntime", "poststop"});

  const auto done =
      bundle_->run_program_in(engine(), {std::string(kTree) + "/bin/nvidia-smi", "-L"});

  EXPECT_EQ(done.status, 0) << done.err << bundle_->log();
  EXPECT_THAT(done.out, HasSubstr("GPU 0: "));
  EXPECT_THAT(done.out, HasSubstr("GPU 1: "));
  EXPECT_THAT(bundle_->messages(), ElementsAreArray(image().messages)) << bundle_->log();
  EXPECT_TRUE(fs::is_empty("/run/nvhook")) << "a record";
}

std::string name_of(const TestParamInfo<ReadOnlyRoot::ParamType>& each) {
  const auto& [image, by, engine] = each.param;
  return std::string(image.name) + "_" + name_of(by) + "_" + name_of(engine);
}

INSTANTIATE_TEST_SUITE_P(Glibc, ReadOnlyRoot,
                         Combine(ValuesIn(kGlibcImages), Values(By::Config, By::FileSystem),
                                 Values(Engine::Runc, Engine::Crun)),
                         [](const auto& each) { return name_of(each); });
INSTANTIATE_TEST_SUITE_P(Musl, ReadOnlyRoot,
                         Combine(ValuesIn(kMuslImages), Values(By::Config, By::FileSystem),
                                 Values(Engine::Runc, Engine::Crun)),
                         [](const auto& each) { return name_of(each); });
INSTANTIATE_TEST_SUITE_P(Of, ReadOnlyGlibcRoot,
                         Combine(ValuesIn(kGlibcImages), Values(By::Config, By::FileSystem),
                                 Values(Engine::Runc, Engine::Crun)),
                         [](const auto& each) { return name_of(each); });

class AnyReadOnlyRoot : public ::testing::TestWithParam<std::tuple<By, Engine>> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  }
  // Without poststop records stay.
  void TearDown() override { run({NVHOOK_PROGRAM, "cleanup"}); }
  static By by() { return std::get<By>(GetParam()); }
  static Engine engine() { return std::get<Engine>(GetParam()); }
};

TEST_P(AnyReadOnlyRoot, HasATreeThatTheContainerCannotWrite) {
  GpuBundle bundle("host", Layout::System);
  make_read_only(bundle, by());
  bundle.use_hooks({"createRuntime"});

  const auto done = bundle.run_in(
      engine(),
      "for name in /dev/.nvhook/new /dev/.nvhook/lib64/new /dev/.nvhook/lib64/libcuda.so.1 "
      "/dev/.nvhook/bin/nvidia-smi /etc/ld.so.cache; do (echo x >>$name) 2>&1; done; "
      "rm /dev/.nvhook/lib64/libcuda.so.1 2>&1");

  const std::string refused = ": Read-only file system\n";
  for (const std::string name :
       {"/dev/.nvhook/new", "/dev/.nvhook/lib64/new", "/dev/.nvhook/lib64/libcuda.so.1",
        "/dev/.nvhook/bin/nvidia-smi", "/etc/ld.so.cache"})
    EXPECT_THAT(done.out, HasSubstr(name + refused));
  EXPECT_THAT(done.out, HasSubstr("cannot remove '/dev/.nvhook/lib64/libcuda.so.1'" + refused));
}

// There is nothing that a cache could be mounted over.
TEST_P(AnyReadOnlyRoot, WithoutACacheNeedsTheSearchPathThatIsNamed) {
  GpuBundle bundle("distroless", Layout::System);
  make_read_only(bundle, by());
  bundle.use_hooks({"createRuntime"});
  const auto before = picture_of_layer(bundle);

  const auto without = bundle.look_for_libraries(engine());
  EXPECT_EQ(without.status, 1) << without.out << without.err;
  EXPECT_THAT(bundle.messages(), ElementsAre("W_PROGRAM_PATH", "W_LDCACHE"));
  const auto advice = std::string("LD_LIBRARY_PATH=") + kLibraries;
  EXPECT_THAT(bundle.log(), HasSubstr("set " + advice + "\""));

  bundle.env(advice);
  const auto done = bundle.look_for_libraries(engine());
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, GpuBundle::found_in(kLibraries));
  EXPECT_THAT(differences(before, picture_of_layer(bundle)), IsEmpty());
}

std::string name_of(const TestParamInfo<AnyReadOnlyRoot::ParamType>& each) {
  const auto& [by, engine] = each.param;
  return std::string(name_of(by)) + "_" + name_of(engine);
}

INSTANTIATE_TEST_SUITE_P(Is, AnyReadOnlyRoot,
                         Combine(Values(By::Config, By::FileSystem),
                                 Values(Engine::Runc, Engine::Crun)),
                         [](const auto& each) { return name_of(each); });

}  // namespace
}  // namespace nvhook::test
