// SPDX-License-Identifier: Apache-2.0
#include "attack/destinations.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace nvhook::test {

namespace fs = std::filesystem;

void Destinations::replace_by_link(const std::string& path, const std::string& text) {
  fs::remove_all(image().on_disk(path));
  image().symlink(path, text);
}

void Destinations::make_all_of(const PlanOfRun& plan) {
  for (const auto& mount : plan.mounts)
    if (!mount.target.starts_with("/dev/")) image().file(mount.target);
  for (const auto& link : plan.links) image().symlink(link.path, link.target);
}

void Destinations::copy(const fs::path& from, const fs::path& to) {
  const auto copied = run({"cp", "-a", from.string() + "/.", to.string()});
  ASSERT_EQ(copied.status, 0) << copied.err;
}

std::unique_ptr<Mounted> Destinations::move_image_to(const std::string& source, const char* type,
                                                     const std::string& data) {
  const FakeRoot aside;
  copy(image().on_disk(), aside.on_disk());
  auto mounted = std::make_unique<Mounted>(source, image().on_disk(), type, 0, data);
  copy(aside.on_disk(), image().on_disk());
  return mounted;
}

std::unique_ptr<Mounted> Destinations::overlay_image(const fs::path& top,
                                                     const std::string& options,
                                                     const std::string& layers) {
  for (const auto* name : {"upper", "work", "image"}) fs::create_directories(top / name);
  copy(image().on_disk(), top / "image");
  scene().writable = {top / "upper", top / "work"};
  scene().watched.push_back(top / "image");
  // By short names: all options have to fit one page.
  fs::current_path(top);
  auto mounted = std::make_unique<Mounted>(
      "overlay", image().on_disk(), "overlay", 0,
      "lowerdir=" + layers + "image,upperdir=upper,workdir=work" + options);
  fs::current_path("/");
  return mounted;
}

void Destinations::run_two_at_once() {
  std::vector<std::string> command = {"/bin/sh", "-c",
                                      "state=$(cat)\n"
                                      "one() { printf %s \"$state\" | \"$@\"; }\n"
                                      "one \"$@\" & first=$!\n"
                                      "one \"$@\"; second=$?\n"
                                      "wait $first; first=$?\n"
                                      "[ $first -eq 0 ] || [ $second -eq 0 ] || exit 1\n"
                                      "[ $first -ne 0 ] || [ $second -ne 0 ] || exit 2\n",
                                      "sh"};
  std::ranges::move(hook_command({"prestart"}), std::back_inserter(command));
  run_instead(command);
}

void Destinations::run_in_own_group() {
  std::vector<std::string> command = {"setsid", "--wait"};
  std::ranges::move(hook_command({"prestart"}), std::back_inserter(command));
  run_instead(command);
}

}  // namespace nvhook::test
