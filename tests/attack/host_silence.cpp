// SPDX-License-Identifier: Apache-2.0
#include "attack/host_silence.hpp"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "attack/mount_table.hpp"
#include "nvhook/base/quote.hpp"

namespace nvhook::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kChanges =
    FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_MODIFY | FAN_ATTRIB | FAN_ONDIR;

std::string words_of(std::uint64_t mask) {
  constexpr std::array<std::pair<std::uint64_t, const char*>, 6> kWords = {{
      {FAN_CREATE, "made"},
      {FAN_DELETE, "removed"},
      {FAN_MOVED_FROM, "moved away"},
      {FAN_MOVED_TO, "moved here"},
      {FAN_MODIFY, "wrote to"},
      {FAN_ATTRIB, "changed attributes of"},
  }};
  std::string words;
  for (const auto& [bit, word] : kWords)
    if ((mask & bit) != 0) words += (words.empty() ? "" : ", ") + std::string(word);
  return words;
}

bool is_below(const fs::path& path, const fs::path& top) {
  const auto [end, ignored] = std::mismatch(top.begin(), top.end(), path.begin(), path.end());
  return end == top.end();
}

}  // namespace

HostSilence::HostSilence()
    : group_(::fanotify_init(
          FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_REPORT_DFID_NAME,
          O_RDONLY)) {
  if (!group_) {
    std::perror("fanotify_init");
    std::abort();
  }
  for (const auto& mount : read_mount_table("/proc/self/mountinfo")) add(mount.point);
}

void HostSilence::add(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs facts{};
  if (!fd || ::fstatfs(fd.get(), &facts) != 0) return;
  // What is bound elsewhere as well has its names where it was mounted first.
  if (system_of(facts.f_fsid) != file_systems_.end()) return;
  // Procfs and the like have no names that last, so the kernel does not tell of them.
  if (::fanotify_mark(group_.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, kChanges, fd.get(),
                      nullptr) != 0)
    return;
  file_systems_.push_back({facts.f_fsid, std::move(fd)});
}

std::vector<HostSilence::FileSystem>::const_iterator HostSilence::system_of(fsid_t id) const {
  return std::ranges::find_if(file_systems_, [&](const auto& known) {
    return std::memcmp(&known.id, &id, sizeof id) == 0;
  });
}

std::string HostSilence::read_what_is_there() {
  // Not until there is no more: a machine may be busy enough for that never to be. The kernel
  // counts an event without the names behind it: fs/notify/fanotify/fanotify_user.c,
  // fanotify_ioctl.
  int waiting = 0;
  if (::ioctl(group_.get(), FIONREAD, &waiting) != 0) std::abort();
  auto missing = static_cast<std::size_t>(waiting) / FAN_EVENT_METADATA_LEN;
  std::string events;
  std::array<char, 65536> chunk{};
  while (missing > 0) {
    const auto size = ::read(group_.get(), chunk.data(), chunk.size());
    if (size <= 0) break;
    auto at = events.size();
    events.append(chunk.data(), static_cast<std::size_t>(size));
    for (; at < events.size() && missing > 0; --missing) {
      fanotify_event_metadata event{};
      std::memcpy(&event, events.data() + at, sizeof event);
      at += event.event_len;
    }
  }
  return events;
}

void HostSilence::forget() { (void)read_what_is_there(); }

fs::path HostSilence::place_of(const void* info) const {
  fanotify_event_info_fid head{};
  std::memcpy(&head, info, sizeof head);
  const auto system = system_of({{head.fsid.val[0], head.fsid.val[1]}});
  if (system == file_systems_.end()) return "(unknown file system)";

  // The handle of the directory, and behind it the name in there, ended by NUL.
  const auto* handle_bytes = static_cast<const char*>(info) + sizeof head;
  unsigned handle_size = 0;
  std::memcpy(&handle_size, handle_bytes, sizeof handle_size);
  std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> handle{};
  std::memcpy(handle.data(), handle_bytes,
              std::min<std::size_t>(handle.size(), sizeof(file_handle) + handle_size));
  const std::string name(handle_bytes + sizeof(file_handle) + handle_size);
  const UniqueFd directory(::open_by_handle_at(
      system->fd.get(), reinterpret_cast<file_handle*>(handle.data()), O_PATH | O_CLOEXEC));
  if (!directory) return {};
  std::error_code failed;
  const auto path = fs::read_symlink("/proc/self/fd/" + std::to_string(directory.get()), failed);
  return name == "." ? path : path / name;
}

Complaints HostSilence::heard(const std::set<pid_t>& known, const std::vector<fs::path>& allowed) {
  Complaints complaints;
  const auto events = read_what_is_there();
  for (std::size_t at = 0; at + sizeof(fanotify_event_metadata) <= events.size();) {
    fanotify_event_metadata event{};
    std::memcpy(&event, events.data() + at, sizeof event);
    // 0: of a pid namespace that this one cannot see.
    if (event.pid != 0 && !known.contains(event.pid)) {
      const auto place = place_of(events.data() + at + event.metadata_len);
      // A directory that is gone again was made by the same run: its own making is told of.
      const bool fine = place.empty() || std::ranges::any_of(allowed, [&](const auto& top) {
                          return is_below(place, top);
                        });
      if (!fine)
        complaints.push_back({Oracle::HostSilence, "process " + std::to_string(event.pid) + " " +
                                                       words_of(event.mask) + " " +
                                                       quote(place.string())});
    }
    at += event.event_len;
  }
  return complaints;
}

}  // namespace nvhook::test
