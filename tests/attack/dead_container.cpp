// SPDX-License-Identifier: Apache-2.0
#include "attack/dead_container.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/hostile_caches.hpp"
#include "support/test_container.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

constexpr auto kRecords = "/run/nvhook";
constexpr std::uintmax_t kMaxRead = 1U << 20U;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string described(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return "gone";
  std::ostringstream text;
  text << std::oct << status.st_mode << std::dec << " of " << status.st_uid << ':' << status.st_gid;
  if (S_ISDIR(status.st_mode)) return text.str();
  text << " size " << status.st_size << " device " << status.st_rdev;
  if (S_ISLNK(status.st_mode)) text << " to " << fs::read_symlink(path).string();
  if (S_ISREG(status.st_mode) && static_cast<std::uintmax_t>(status.st_size) <= kMaxRead)
    text << " content " << std::hash<std::string>{}(text_of(path));
  return text.str();
}

}  // namespace

DeadContainer::DeadContainer(const Variant& variant, const std::function<void(FakeRoot&)>& arrange)
    : variant_(variant) {
  settings_.file("/tree.toml", "[container]\nlayout = \"tree\"\n");
  const std::string directory = kLibraryDirectory;
  root()
      .symlink(directory + "/libcuda.so.1", "libcuda.so.535.104.05")
      .file(directory + "/libnvidia-ml.so.1", "the image's")
      .file("/etc/ld.so.cache", honest_cache());
  fs::remove(on_disk("/usr/bin"));
  if (arrange) arrange(root());
  before_ = names();
  live_and_die();
}

void DeadContainer::live_and_die(const std::function<void()>& living) {
  for (const auto& entry : fs::directory_iterator(kRecords)) fs::remove_all(entry.path());
  bundle_.write();
  const TestContainer container(bundle_.root().on_disk());
  std::vector<std::string> arguments = {"prestart"};
  if (variant_.layout == Layout::Tree)
    arguments.insert(arguments.begin(), {"--config", settings_.on_disk("/tree.toml")});
  const auto text = container.state(bundle_.path());
  id_ = nlohmann::json::parse(text).at("id").get<std::string>();
  const auto hook = launch({.arguments = nvhook_on(NVHOOK_SIMULATED_HOST, std::move(arguments)),
                            .input = text,
                            .tier = variant_.tier});
  if (hook.status == 0) {
    if (living) living();
    return;
  }
  ADD_FAILURE() << "there is nothing to sweep: " << hook.err;
}

std::string DeadContainer::state(const std::string& status) const {
  return nlohmann::json{
      {"ociVersion", "1.0.2"}, {"id", id_}, {"status", status}, {"bundle", bundle_.path()}}
      .dump();
}

Launch DeadContainer::sweep(Sweeping how) const {
  return {.arguments = {NVHOOK_PROGRAM, how == Sweeping::Poststop ? "poststop" : "cleanup"},
          .input = state("stopped"),
          // A sanitized build's search for leaks cannot work while somebody looks on.
          .environment = {"ASAN_OPTIONS=detect_leaks=0"},
          .tier = variant_.tier,
          .patience = std::chrono::seconds(20)};
}

fs::path DeadContainer::record_file() const {
  for (const auto& entry : fs::directory_iterator(kRecords))
    if (entry.path().extension() == ".json") return entry.path();
  return {};
}

nlohmann::json DeadContainer::record() const {
  const auto text = text_of(record_file());
  return nlohmann::json::parse(text.substr(0, text.find('\n')));
}

void DeadContainer::forget_inodes() const {
  const auto text = text_of(record_file());
  std::ofstream(record_file(), std::ios::binary) << text.substr(0, text.find('\n') + 1);
}

DeadContainer::Names DeadContainer::names() { return names_below(on_disk()); }

DeadContainer::Names DeadContainer::names_below(const fs::path& top) {
  Names names;
  for (const auto& entry : fs::recursive_directory_iterator(top))
    names["/" + entry.path().lexically_relative(top).string()] = described(entry.path());
  return names;
}

std::string differences(const DeadContainer::Names& before, const DeadContainer::Names& after,
                        const std::vector<std::string>& but) {
  const auto is_left_out = [&](const std::string& path) {
    return std::ranges::any_of(
        but, [&](const std::string& top) { return path == top || path.starts_with(top + "/"); });
  };
  std::string text;
  for (const auto& [path, was] : before) {
    if (is_left_out(path)) continue;
    const auto now = after.find(path);
    if (now == after.end())
      text += "gone: " + path + "\n";
    else if (now->second != was)
      text += path + " was " + was + ", is " + now->second + "\n";
  }
  // What is left out keeps the directories that it is in.
  const auto leads_there = [&](const std::string& path) {
    return std::ranges::any_of(but,
                               [&](const std::string& top) { return top.starts_with(path + "/"); });
  };
  for (const auto& [path, is] : after)
    if (!before.contains(path) && !is_left_out(path) && !leads_there(path))
      text += "new: " + path + " " + is + "\n";
  return text;
}

}  // namespace nvhook::test
