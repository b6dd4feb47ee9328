// SPDX-License-Identifier: Apache-2.0
#include "attack/call_shape.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>

namespace nvhook::test {
namespace {

constexpr std::string_view kUnfinished = " <unfinished ...>";

// Splits at commas outside of quotes and brackets.
std::vector<std::string> split_arguments(std::string_view text) {
  std::vector<std::string> arguments;
  std::string argument;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      argument += c;
      argument += text[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '{' || c == '[' || c == '(')) ++depth;
    if (!quoted && (c == '}' || c == ']' || c == ')')) --depth;
    if (!quoted && depth == 0 && c == ',') {
      arguments.push_back(std::move(argument));
      argument.clear();
    } else if (!argument.empty() || c != ' ') {
      argument += c;
    }
  }
  if (!argument.empty()) arguments.push_back(std::move(argument));
  return arguments;
}

// name(arguments) = result
std::optional<Call> parse_call(int pid, std::string_view line) {
  const auto open = line.find('(');
  const auto equals = line.rfind(") = ");
  // A call that never came back, as exit_group: "exit_group(0) = ?".
  const auto padded = line.rfind(" = ");
  if (open == line.npos || padded == line.npos) return std::nullopt;
  auto end = equals != line.npos ? equals : line.rfind(')', padded);
  if (end == line.npos || end < open) return std::nullopt;
  Call call;
  call.pid = pid;
  call.name = line.substr(0, open);
  call.arguments = split_arguments(line.substr(open + 1, end - open - 1));
  call.result = line.substr(padded + 3);
  return call;
}

bool has(const Call& call, std::string_view word) {
  return std::ranges::any_of(call.arguments, [&](const auto& argument) {
    return argument.find(word) != argument.npos && !argument.starts_with('"');
  });
}

// A name among the arguments, and the directory that it is relative to.
struct Name {
  int directory;  // -1: the working directory
  int name;
};
using Names = std::vector<Name>;

const std::map<std::string_view, Names>& names_of_calls() {
  static const std::map<std::string_view, Names> kNames = {
      {"openat", {{0, 1}}},
      {"openat2", {{0, 1}}},
      {"open_tree", {{0, 1}}},
      {"mount_setattr", {{0, 1}}},
      {"move_mount", {{0, 1}, {2, 3}}},
      {"fspick", {{0, 1}}},
      {"mkdirat", {{0, 1}}},
      {"mknodat", {{0, 1}}},
      {"symlinkat", {{1, 2}}},
      {"linkat", {{0, 1}, {2, 3}}},
      {"renameat", {{0, 1}, {2, 3}}},
      {"renameat2", {{0, 1}, {2, 3}}},
      {"unlinkat", {{0, 1}}},
      {"readlinkat", {{0, 1}}},
      {"newfstatat", {{0, 1}}},
      {"fstatat64", {{0, 1}}},
      {"statx", {{0, 1}}},
      {"faccessat", {{0, 1}}},
      {"faccessat2", {{0, 1}}},
      {"fchmodat", {{0, 1}}},
      {"fchmodat2", {{0, 1}}},
      {"fchownat", {{0, 1}}},
      {"utimensat", {{0, 1}}},
      {"name_to_handle_at", {{0, 1}}},
      {"execveat", {{0, 1}}},
      {"open", {{-1, 0}}},
      {"creat", {{-1, 0}}},
      {"stat", {{-1, 0}}},
      {"lstat", {{-1, 0}}},
      {"statfs", {{-1, 0}}},
      {"access", {{-1, 0}}},
      {"readlink", {{-1, 0}}},
      {"mkdir", {{-1, 0}}},
      {"mknod", {{-1, 0}}},
      {"rmdir", {{-1, 0}}},
      {"unlink", {{-1, 0}}},
      {"rename", {{-1, 0}, {-1, 1}}},
      {"link", {{-1, 0}, {-1, 1}}},
      {"symlink", {{-1, 1}}},
      {"chmod", {{-1, 0}}},
      {"chown", {{-1, 0}}},
      {"lchown", {{-1, 0}}},
      {"truncate", {{-1, 0}}},
      {"chdir", {{-1, 0}}},
      {"chroot", {{-1, 0}}},
      {"pivot_root", {{-1, 0}, {-1, 1}}},
      {"mount", {{-1, 0}, {-1, 1}}},
      {"umount", {{-1, 0}}},
      {"umount2", {{-1, 0}}},
      {"getxattr", {{-1, 0}}},
      {"lgetxattr", {{-1, 0}}},
      {"setxattr", {{-1, 0}}},
      {"lsetxattr", {{-1, 0}}},
      {"inotify_add_watch", {{-1, 1}}},
      {"execve", {{-1, 0}}},
  };
  return kNames;
}

std::string argument_at(const Call& call, int index) {
  const auto at = static_cast<std::size_t>(index);
  return at < call.arguments.size() ? call.arguments[at] : "";
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// What strace writes for a name that is not there: NULL, or empty.
bool is_no_name(std::string_view argument) { return argument == "NULL" || argument == "\"\""; }

// A name of a descriptor, in /proc/self/fd as the working directory.
bool is_descriptor_name(std::string_view argument) {
  return argument.size() > 2 && argument.front() == '"' &&
         is_number(argument.substr(1, argument.size() - 2));
}

// An absolute name is looked up from the root, whatever the directory; a relative one of a call
// without a directory from the working directory.
bool is_looked_up_by_path(const Call& call, const Name& name) {
  const auto text = argument_at(call, name.name);
  if (text.starts_with("\"/")) return true;
  if (name.directory >= 0) return argument_at(call, name.directory) == "AT_FDCWD";
  const bool mounts = call.name == "mount" || call.name == "umount2";
  return !(mounts && (is_no_name(text) || is_descriptor_name(text)));
}

bool opens(const Call& call) {
  constexpr std::array<std::string_view, 4> kOpening = {"open", "openat", "openat2", "creat"};
  return std::ranges::find(kOpening, call.name) != kOpening.end();
}

bool follows_links(const Call& call) {
  // A directory's own name is none.
  if (call.name == "openat") return !has(call, "O_NOFOLLOW") && argument_at(call, 1) != "\".\"";
  if (call.name == "openat2")
    return !has(call, "RESOLVE_NO_MAGICLINKS") ||
           !(has(call, "RESOLVE_IN_ROOT") || has(call, "RESOLVE_BENEATH"));
  if (call.name == "newfstatat" || call.name == "statx" || call.name == "name_to_handle_at")
    return !is_no_name(argument_at(call, 1)) && !has(call, "AT_SYMLINK_NOFOLLOW");
  if (call.name == "linkat") return has(call, "AT_SYMLINK_FOLLOW");
  return false;
}

std::string shown(const Call& call) {
  std::string text = call.name + "(";
  for (const auto& argument : call.arguments) text += (text.ends_with('(') ? "" : ", ") + argument;
  return text + ") = " + call.result;
}

bool enters(const Call& call) {
  return call.name == "setns" && has(call, "CLONE_NEWNS") && call.result.starts_with("0");
}

std::vector<std::string> wrong_anywhere(const Call& call) {
  std::vector<std::string> wrong;
  // One that opens nothing asks whether the kernel has the call.
  const bool names_nothing = argument_at(call, 0) == "-1" && argument_at(call, 1) == "\"\"";
  if (opens(call) && !has(call, "O_CLOEXEC") && !names_nothing)
    wrong.emplace_back("a descriptor to inherit");
  // Only the start again without glibc's tunables.
  if (call.name == "execveat" ||
      (call.name == "execve" && argument_at(call, 0) != "\"/proc/self/exe\""))
    wrong.emplace_back("a program executed");
  return wrong;
}

std::vector<std::string> wrong_inside(const Call& call) {
  std::vector<std::string> wrong;
  if (const auto names = names_of_calls().find(call.name); names != names_of_calls().end())
    for (const auto& name : names->second)
      if (is_looked_up_by_path(call, name)) wrong.emplace_back("a name looked up by path");
  if (follows_links(call)) wrong.emplace_back("a link followed");
  if (call.name == "execve") wrong.emplace_back("a program executed");
  if (call.name == "open_tree" && has(call, "OPEN_TREE_CLONE"))
    wrong.emplace_back("a source taken in the container");
  if (call.name == "move_mount" &&
      !(has(call, "MOVE_MOUNT_F_EMPTY_PATH") && has(call, "MOVE_MOUNT_T_EMPTY_PATH")))
    wrong.emplace_back("a mount by name");
  return wrong;
}

}  // namespace

std::vector<Call> parse_calls(std::string_view strace) {
  std::vector<Call> calls;
  std::map<int, std::string> unfinished;
  std::istringstream in{std::string(strace)};
  for (std::string line; std::getline(in, line);) {
    int pid = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), pid);
    if (error != std::errc()) continue;
    auto text = line.substr(static_cast<std::size_t>(end - line.data()));
    text.erase(0, text.find_first_not_of(' '));
    if (text.ends_with(kUnfinished)) {
      unfinished[pid] = text.substr(0, text.size() - kUnfinished.size());
      continue;
    }
    if (text.starts_with("<... ")) {
      const auto resumed = text.find(" resumed>");
      if (resumed == text.npos) continue;
      text = unfinished[pid] + text.substr(resumed + std::string_view(" resumed>").size());
    }
    if (auto call = parse_call(pid, text)) calls.push_back(std::move(*call));
  }
  return calls;
}

bool has_entered(const std::vector<Call>& calls) { return std::ranges::any_of(calls, enters); }

std::vector<std::string> wrong_calls(const std::vector<Call>& calls) {
  std::vector<std::string> wrong;
  // Closing what it inherited is the first thing that nvhook does: before it runs the loader.
  const auto start = std::ranges::find_if(calls, [](const Call& call) {
    return call.name == "close_range" && argument_at(call, 0) == "3";
  });
  if (start == calls.end()) return {"it never closed what it inherited"};
  std::optional<int> inside;  // the process that has entered
  for (auto call = start; call != calls.end(); ++call) {
    auto faults = wrong_anywhere(*call);
    if (inside == call->pid) {
      const auto more = wrong_inside(*call);
      faults.insert(faults.end(), more.begin(), more.end());
    }
    for (const auto& fault : faults) wrong.push_back(fault + ": " + shown(*call));
    if (enters(*call)) inside = call->pid;
  }
  return wrong;
}

}  // namespace nvhook::test
