// SPDX-License-Identifier: Apache-2.0
// Images of all makes, in both layouts, under real runc and crun: programs find the driver's
// libraries by name, and of the container nothing is left in its root.
#include <gmock/gmock.h>

#include <filesystem>
#include <tuple>

#include "integration/gpu_bundle.hpp"
#include "integration/tree_picture.hpp"
#include "support/cache_image.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Combine;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::TestParamInfo;
using ::testing::Values;
using ::testing::ValuesIn;

constexpr auto kCache = "/etc/ld.so.cache";
constexpr auto kDebian = "/usr/lib/x86_64-linux-gnu";

void as_it_is(GpuBundle& /*bundle*/) {}

void without_cache(GpuBundle& bundle) { fs::remove(bundle.rootfs(kCache)); }

// The cache knows another driver, one that the image brings.
void with_stale_cache(GpuBundle& bundle) {
  const std::string library = "libcuda.so.470.82.01";
  fs::create_directories(bundle.rootfs("/opt/driver"));
  fs::copy_file(NVHOOK_SIMULATED_HOST + ("/usr/lib/x86_64-linux-gnu/" + library),
                bundle.rootfs("/opt/driver/" + library));
  bundle.write("/etc/ld.so.conf.d/0-driver.conf", "/opt/driver\n");
  bundle.make_cache();
  ASSERT_THAT(bundle.read(kCache), HasSubstr("/opt/driver/libcuda.so.1"));
}

void with_rubbish_cache(GpuBundle& bundle) { bundle.write(kCache, std::string(100, 'x')); }

void with_endless_cache(GpuBundle& bundle) {
  bundle.write(kCache, bundle.read(kCache).replace(kCacheCount, 4, "\xff\xff\xff\xff"));
}

void with_compat_cache(GpuBundle& bundle) {
  bundle.make_cache({"-c", "compat"});
  ASSERT_TRUE(bundle.read(kCache).starts_with("ld.so-1.7.0"));
}

// The container's users are others of the host, and the image is theirs.
void of_mapped_root(GpuBundle& bundle) {
  const auto rootfs = bundle.rootfs("/");
  ASSERT_EQ(run({"chown", "--recursive", "--no-dereference", "100000:100000", rootfs}).status, 0);
  fs::permissions(bundle.path(), fs::perms{0755});
  auto& linux_part = bundle.config["linux"];
  linux_part["namespaces"].push_back({{"type", "user"}});
  for (const auto* map : {"uidMappings", "gidMappings"})
    linux_part[map] = {{{"containerID", 0}, {"hostID", 100'000}, {"size", 65536}}};
}

struct Image {
  const char* name;
  const char* kind;               // of tests/roots
  void (*prepare)(GpuBundle&);    // what is special about it
  const char* library_directory;  // where layout system puts libraries
  std::vector<std::string> messages;
};
void PrintTo(const Image& image, std::ostream* out) { *out << image.name; }

const Image kImages[] = {
    {"minbase", "minbase", as_it_is, kDebian, {}},
    {"distroless", "distroless", as_it_is, kDebian, {}},
    {"lib64", "lib64", as_it_is, "/usr/lib64", {}},
    {"musl", "musl", as_it_is, "/usr/lib64", {"W_MUSL"}},
    {"many_libraries", "many", as_it_is, kDebian, {}},
    {"no_cache", "host", without_cache, kDebian, {}},
    {"stale_cache", "host", with_stale_cache, kDebian, {}},
    {"rubbish_cache", "host", with_rubbish_cache, kDebian, {"W_LDCACHE"}},
    {"endless_cache", "host", with_endless_cache, kDebian, {"W_LDCACHE"}},
    {"compat_cache", "host", with_compat_cache, kDebian, {}},
    {"mapped_root", "distroless", of_mapped_root, kDebian, {}},
};

class Finds : public ::testing::TestWithParam<std::tuple<Image, Layout, Engine>> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_P(Finds, TheLibrariesByName) {
  const auto& [image, layout, engine] = GetParam();
  GpuBundle bundle(image.kind, layout);
  ASSERT_NO_FATAL_FAILURE(image.prepare(bundle));
  bundle.use_hooks({"createRuntime", "poststop"});
  const auto before = picture_of(bundle.rootfs("/"));

  const auto done = bundle.look_for_libraries(engine);

  EXPECT_EQ(done.status, 0) << done.err << bundle.log();
  EXPECT_EQ(done.out,
            GpuBundle::found_in(layout == Layout::Tree ? kTreeLibraries : image.library_directory));
  EXPECT_THAT(bundle.messages(), ElementsAreArray(image.messages)) << bundle.log();
  EXPECT_THAT(differences(before, picture_of(bundle.rootfs("/"))), IsEmpty());
  EXPECT_TRUE(fs::is_empty("/run/nvhook")) << "a record";
}

std::string name_of(const TestParamInfo<Finds::ParamType>& each) {
  const auto& [image, layout, engine] = each.param;
  return std::string(image.name) + "_" + name_of(layout) + "_" + name_of(engine);
}

INSTANTIATE_TEST_SUITE_P(EveryImage, Finds,
                         Combine(ValuesIn(kImages), Values(Layout::System, Layout::Tree),
                                 Values(Engine::Runc, Engine::Crun)),
                         [](const auto& each) { return name_of(each); });

class StaticImage : public ::testing::TestWithParam<std::tuple<Layout, Engine>> {
 protected:
  void SetUp() override {
    if (const auto why = engines_unavailable(); !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_P(StaticImage, HasTheDevicesAndIsLeftAsItWas) {
  const auto& [layout, engine] = GetParam();
  GpuBundle bundle("busybox", layout);
  bundle.use_hooks({"createRuntime", "poststop"});
  const auto before = picture_of(bundle.rootfs("/"));

  const auto done = bundle.run_in(engine, "(exec 3<>/dev/nvidia0) 2>&1; ls /dev/nvidia1");

  EXPECT_EQ(done.status, 0) << done.err << bundle.log();
  // Allowed, and without a kernel module behind it.
  EXPECT_THAT(done.out, HasSubstr("/dev/nvidia0: No such device or address"));
  EXPECT_THAT(bundle.messages(), ::testing::ElementsAre("W_NO_LOADER")) << bundle.log();
  EXPECT_THAT(differences(before, picture_of(bundle.rootfs("/"))), IsEmpty());
}

std::string name_of(const TestParamInfo<StaticImage::ParamType>& each) {
  const auto& [layout, engine] = each.param;
  return std::string(name_of(layout)) + "_" + name_of(engine);
}

INSTANTIATE_TEST_SUITE_P(Of, StaticImage,
                         Combine(Values(Layout::System, Layout::Tree),
                                 Values(Engine::Runc, Engine::Crun)),
                         [](const auto& each) { return name_of(each); });

}  // namespace
}  // namespace nvhook::test
