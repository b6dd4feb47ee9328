// SPDX-License-Identifier: Apache-2.0
#include "prepare_host.hpp"

#include <string>

#include "host.hpp"
#include "nvhook/driver/identify.hpp"
#include "nvhook/nvml/ask.hpp"
#include "uvm.hpp"

namespace nvhook::companion {
namespace {

Result<void> prepare_as_ours(const Setup& setup, const Log& log) {
  if (!driver::identify(setup.where)) return {};  // whoever asks will hear of that
  if (const auto loaded = load_uvm(setup.where); !loaded)
    log.warning({.id = WarningId::Uvm,
                 .text = loaded.error().message() +
                         ": programs of CUDA may find no GPU; run nvidia-modprobe -u -c=0"});
  return {};
}

// The library's own words, which stand in quotation marks in what ask() says of a refusal.
std::string words_of_nvml(const Error& error) {
  const auto& text = error.message();
  const auto begin = text.find('"');
  const auto end = text.find('"', begin + 1);
  if (error.id() != ErrorId::NvmlFailed || begin == text.npos || end == text.npos) return text;
  return text.substr(begin + 1, end - begin - 1);
}

// One answer, before anybody is served.
Result<void> ask_nvml(const Setup& setup) {
  auto question = question_of(setup.where);
  if (!question) return failure(ErrorId::NvmlAbsent, "could not load NVML library");
  question->program = setup.probe;
  question->deadline = setup.nvml_deadline;
  const auto answer = nvml::ask(*question);
  if (answer) return {};
  if (answer.error().id() == ErrorId::NvmlAbsent)
    return failure(ErrorId::NvmlAbsent, "could not load NVML library");
  return failure(answer.error().id(), "nvml: " + words_of_nvml(answer.error()));
}

Result<void> prepare_as_original(const Setup& setup, const Log& log) {
  log.say("Loading NVIDIA unified memory");
  if (!load_uvm(setup.where))
    return failure(ErrorId::NodeMissing,
                   "Could not load UVM kernel module. Is nvidia-modprobe installed?");
  log.say("Loading NVIDIA management library");
  if (auto done = ask_nvml(setup); !done) return done;
  log.say("Discovering GPU devices");
  log.say("Provisioning volumes at " + setup.store);
  return {};
}

}  // namespace

Result<void> prepare_host(const Setup& setup, const Log& log) {
  return setup.manner == Manner::Original ? prepare_as_original(setup, log)
                                          : prepare_as_ours(setup, log);
}

}  // namespace nvhook::companion
