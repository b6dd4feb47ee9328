// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/transient.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "nvhook/base/quote.hpp"
#include "nvhook/files/list.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/files/write.hpp"

namespace nvhook::systemd {
namespace {

constexpr auto kDirectory = "/run/systemd/transient";
constexpr auto kDropIn = "50-nvhook.conf";
constexpr auto kUnfinished = "50-nvhook.new";  // systemd reads what ends in ".conf"
constexpr std::size_t kMaxFile = 262144;       // one that may partition 16 GPUs has a third of it
constexpr std::size_t kMaxDropIns = 256;

std::string folder_of(const std::string& scope) { return scope + ".d"; }

std::unexpected<Error> unreadable(const std::string& name, const Error& why) {
  return std::unexpected(
      Error(why).within(std::string(kDirectory) + "/" + name).as(ErrorId::Systemd));
}

std::unexpected<Error> no_such(const std::string& scope) {
  return failure(ErrorId::Systemd, "systemd has no scope " + quote(scope));
}

Result<UniqueFd> open_folder(int transient, const std::string& scope) {
  return files::open_at(transient, folder_of(scope), O_RDONLY | O_DIRECTORY, files::Lookup::Plain);
}

Result<UniqueFd> make_folder(int transient, const std::string& scope) {
  if (auto folder = open_folder(transient, scope); folder || !leads_nowhere(folder.error()))
    return folder;
  if (::mkdirat(transient, folder_of(scope).c_str(), 0755) != 0)
    return system_failure(ErrorId::Systemd, "mkdir " + folder_of(scope));
  return open_folder(transient, scope);
}

Result<void> write_file(int folder, std::string_view text) {
  ::unlinkat(folder, kUnfinished, 0);  // of a run that was killed
  const UniqueFd file(::openat(folder, kUnfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file) return system_failure(ErrorId::Systemd, "make " + std::string(kDropIn));
  if (::fchmod(file.get(), 0644) != 0)
    return system_failure(ErrorId::Systemd, "chmod " + std::string(kDropIn));
  if (auto done = files::write_whole(file.get(), text); !done)
    return std::unexpected(std::move(done).error().within(kDropIn).as(ErrorId::Systemd));
  if (::renameat(folder, kUnfinished, folder, kDropIn) != 0)
    return system_failure(ErrorId::Systemd, "rename to " + std::string(kDropIn));
  return {};
}

}  // namespace

Result<UniqueFd> open_transient() {
  return files::open_host_directory(kDirectory, ErrorId::Systemd);
}

Result<std::string> unit_files_of(int transient, const std::string& scope) {
  auto text = files::read_file(transient, scope, kMaxFile, files::Lookup::Plain);
  if (!text && leads_nowhere(text.error())) return no_such(scope);
  if (!text) return unreadable(scope, text.error());
  const auto folder = open_folder(transient, scope);
  if (!folder && leads_nowhere(folder.error())) return text;
  if (!folder) return unreadable(folder_of(scope), folder.error());
  const auto names = files::names_in(folder->get(), kMaxDropIns);
  if (!names) return unreadable(folder_of(scope), names.error());
  for (const auto& name : *names) {
    if (!name.ends_with(".conf")) continue;
    const auto drop_in = files::read_file(folder->get(), name, kMaxFile, files::Lookup::Plain);
    if (!drop_in && leads_nowhere(drop_in.error())) continue;  // systemd writes them, too
    if (!drop_in) return unreadable(folder_of(scope), drop_in.error());
    text->append("\n").append(*drop_in);
  }
  return text;
}

Result<void> write_drop_in(int transient, const std::string& scope, std::string_view text) {
  const auto folder = make_folder(transient, scope);
  if (!folder) return unreadable(folder_of(scope), folder.error());
  if (auto done = write_file(folder->get(), text); !done)
    return unreadable(folder_of(scope), done.error());
  if (files::open_at(transient, scope, O_PATH, files::Lookup::Plain)) return {};
  forget_scope(transient, scope);  // it may have gone before the folder was made
  return no_such(scope);
}

void remove_drop_in(int transient, const std::string& scope) {
  const auto folder = open_folder(transient, scope);
  if (folder) ::unlinkat(folder->get(), kDropIn, 0);
}

void forget_scope(int transient, const std::string& scope) {
  remove_drop_in(transient, scope);
  ::unlinkat(transient, folder_of(scope).c_str(), AT_REMOVEDIR);
}

}  // namespace nvhook::systemd
