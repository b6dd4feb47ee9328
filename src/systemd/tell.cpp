// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/tell.hpp"

#include <utility>

#include "nvhook/systemd/device_allow.hpp"
#include "nvhook/systemd/transient.hpp"

namespace nvhook::systemd {
namespace {

Answer failed(std::string reason) {
  return {.outcome = Outcome::Failed, .reason = std::move(reason)};
}

// The drop-in is there, or why not.
std::string what_remains(const Result<void>& word) {
  return word ? "; it will read of them with its next daemon-reload"
              : "; nor can it be left word: " + word.error().message();
}

}  // namespace

Answer tell(const Order& order, int transient, Manager& manager, Clock::time_point deadline) {
  remove_drop_in(transient, order.scope);
  const auto files = unit_files_of(transient, order.scope);
  if (!files) return failed(files.error().message());
  switch (restriction_in(*files)) {
    case Restriction::None:
      return {.outcome = Outcome::Unrestricted, .reason = {}};
    case Restriction::Program:
      return failed(std::string(kPutsBackAProgram));
    case Restriction::List:
      break;
  }
  const auto word = write_drop_in(transient, order.scope, drop_in_of(order.nodes));
  const auto reply = manager.allow_devices(order, deadline);
  switch (reply.kind) {
    case Reply::Kind::Done:
      remove_drop_in(transient, order.scope);
      return {.outcome = Outcome::Told, .reason = {}};
    case Reply::Kind::Refused:
      return failed("systemd refuses: " + reply.reason + what_remains(word));
    case Reply::Kind::NoAnswer:
      break;
  }
  return failed("cannot talk to systemd (" + reply.reason + ")" + what_remains(word));
}

}  // namespace nvhook::systemd
