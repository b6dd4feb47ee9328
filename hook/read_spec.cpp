// SPDX-License-Identifier: Apache-2.0
#include "read_spec.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "nvhook/base/quote.hpp"
#include "nvhook/compat/exchange.hpp"
#include "nvhook/files/open.hpp"
#include "nvhook/files/read.hpp"
#include "nvhook/ldcache/question.hpp"
#include "nvhook/oci/outline.hpp"
#include "nvhook/oci/record.hpp"
#include "nvhook/plan/make_plan.hpp"
#include "nvhook/sandbox/parser_child.hpp"
#include "rules.hpp"

namespace nvhook {
namespace {

using Clock = std::chrono::steady_clock;
using sandbox::ParserChild;

constexpr std::chrono::milliseconds kInputDeadline{2000};  // a runtime writes the state at once

enum Document : std::uint8_t { kState = 1, kConfig = 2, kLoaderFile = 3, kCompat = 4 };

static_assert(oci::kMaxConfigBytes <= ParserChild::kMaxDocument);
static_assert(oci::kMaxKept < ParserChild::kMaxRecord);
static_assert(plan::kMaxLoaderFile < ParserChild::kMaxDocument &&
              plan::kMaxLoaderFile < ParserChild::kMaxRecord);

// Runs in the parser child.
Result<std::string> to_record(std::uint8_t kind, std::string_view document,
                              std::span<const std::string> further_names) {
  if (kind == kState) {
    auto state = oci::parse_state(document);
    if (!state) return std::unexpected(std::move(state).error());
    return oci::encode(*state);
  }
  if (kind == kLoaderFile) return ldcache::answer(document);
  if (kind == kCompat) return compat::answer(document);
  auto config = oci::parse_config(document, further_names);
  if (!config) return std::unexpected(std::move(config).error());
  return oci::encode(*config);
}

Result<std::string> read_input() {
  const auto deadline = Clock::now() + kInputDeadline;
  std::string bytes;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd wait{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) == 0)
      return failure(ErrorId::StateLimit, "the state did not end within 2 s on standard input");
    constexpr std::size_t kChunk = 8192;  // most states are shorter
    ssize_t got = 0;
    bytes.resize_and_overwrite(bytes.size() + kChunk, [&, have = bytes.size()](char* data, auto) {
      got = ::read(STDIN_FILENO, data + have, kChunk);
      return have + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    });
    if (got == 0) return bytes;
    if (got < 0 && errno != EINTR && errno != EAGAIN)
      return system_failure(ErrorId::StateRead, "read the state on standard input");
    if (bytes.size() > oci::kMaxStateBytes)
      return failure(ErrorId::StateLimit, "the state is larger than 1 MiB");
  }
}

Result<std::string> read_config(std::string_view bundle) {
  const auto directory = files::open_host_directory(std::string(bundle), ErrorId::StateRead);
  if (!directory) return std::unexpected(Error(directory.error()).within("bundle"));
  auto text = files::read_file(directory->get(), "config.json", oci::kMaxConfigBytes,
                               files::Lookup::InRoot);
  if (text) return text;
  const auto code = text.error().code();
  auto error = std::move(text).error().within("bundle " + quote(bundle));
  if (!code) return std::unexpected(std::move(error));  // of the kernel, not of this file
  const bool too_large = code == std::errc::file_too_large;
  return std::unexpected(std::move(error).as(too_large ? ErrorId::StateLimit : ErrorId::StateRead));
}

Result<oci::State> take_state(ParserChild& child) {
  auto record = child.answer();
  if (!record) return std::unexpected(std::move(record).error());
  return oci::decode_state(*record);
}

Result<oci::Config> take_config(ParserChild& child) {
  auto record = child.answer();
  if (!record) return std::unexpected(std::move(record).error());
  return oci::decode_config(*record);
}

// The text itself is let go: it may be large, and only the child reads it.
Result<void> whether_read(const Result<std::string>& text) {
  if (text) return {};
  return std::unexpected(text.error());
}

// As a runtime would say it, but that there is no process.
oci::State state_of_bundle(const std::string& bundle) {
  oci::State state;
  state.id = bundle.substr(bundle.rfind('/') + 1);
  state.status = "creating";
  state.bundle = bundle;
  return state;
}

bool asks_for_nothing(std::string_view config_text, std::span<const std::string> further_names) {
  return oci::looks_whole(config_text) && !oci::mentions_gpu(config_text, further_names);
}

// Whether an entry of the environment by this name has a UUID, or a MIG device.
bool may_name_by_nvml(std::string_view config_text, std::string_view name) {
  for (auto at = config_text.find(name); at != config_text.npos;
       at = config_text.find(name, at + 1)) {
    const auto value = config_text.substr(at + name.size());
    if (value.starts_with('=') &&
        value.substr(0, value.find('"')).find_first_of("-:") != value.npos)
      return true;
  }
  return false;
}

// Whether something is asked for that NVML may have to say more about: demands, GPUs by UUID, MIG
// devices. Whoever hides it behind an escape is not understood in time.
bool may_concern_nvml(std::string_view config_text, std::span<const std::string> further_names) {
  for (const std::string_view word :
       {"NVIDIA_REQUIRE_", "CUDA_VERSION=", "nvidia-container-devices"})
    if (config_text.contains(word)) return true;
  return may_name_by_nvml(config_text, "NVIDIA_VISIBLE_DEVICES") ||
         std::ranges::any_of(further_names, [&](const std::string& name) {
           return may_name_by_nvml(config_text, name);
         });
}

}  // namespace

Result<Texts> read_texts(const std::optional<std::string>& config_file) {
  auto state = read_input();
  if (!state) return std::unexpected(std::move(state).error());
  if (state->empty())
    return failure(ErrorId::StateParse,
                   "there is no state on standard input, where a runtime writes it");

  // A glance at the text finds most containers that need nothing. What it finds is compared with
  // what the parser says before anything is done on its ground.
  SpecTexts texts{.state = std::move(*state),
                  .bundle = {},
                  .config = failure(ErrorId::Bug, "config.json is not read yet")};
  const bool whole = oci::looks_whole(texts.state);
  if (whole) {
    texts.bundle = oci::find_member(texts.state, "bundle").value_or("");
    const auto id = oci::find_member(texts.state, "id");
    if (oci::find_member(texts.state, "status") == "stopped" && !texts.bundle.empty() && id)
      return Stopped{.bundle = std::move(texts.bundle), .id = std::string(*id)};
  }
  auto names = further_names(config_file);
  if (!names) return std::unexpected(std::move(names).error());
  texts.further_names = std::move(*names);
  if (!whole) return texts;
  if (!texts.bundle.empty()) texts.config = read_config(texts.bundle);
  if (texts.config && asks_for_nothing(*texts.config, texts.further_names)) return NoGpuMentioned{};
  texts.may_concern_nvml = texts.config && may_concern_nvml(*texts.config, texts.further_names);
  if (const auto number = oci::find_number(texts.state, "pid"))
    texts.pid = static_cast<pid_t>(*number);
  return texts;
}

Result<Texts> read_texts_of_bundle(const std::string& bundle,
                                   const std::optional<std::string>& config_file) {
  auto config = read_config(bundle);
  if (!config) return std::unexpected(std::move(config).error());
  auto names = further_names(config_file);
  if (!names) return std::unexpected(std::move(names).error());
  const bool nvml = may_concern_nvml(*config, *names);
  return SpecTexts{.state = {},
                   .bundle = bundle,
                   .config = std::move(config),
                   .pid = {},
                   .further_names = std::move(*names),
                   .may_concern_nvml = nvml};
}

PendingSpec::PendingSpec(ParserChild child, const SpecTexts& texts)
    : child_(std::move(child)),
      has_state_(!texts.state.empty()),
      bundle_(texts.bundle),
      further_names_(texts.further_names),
      config_read_(whether_read(texts.config)) {}

Result<PendingSpec> PendingSpec::start(const SpecTexts& texts) {
  std::vector<sandbox::Document> documents;
  if (!texts.state.empty()) documents.push_back({kState, texts.state});
  if (texts.config) documents.push_back({kConfig, *texts.config});
  const auto handler = [&](std::uint8_t kind, std::string_view document) {
    return to_record(kind, document, texts.further_names);
  };
  auto child = ParserChild::start(handler, documents);
  if (!child) return std::unexpected(std::move(child).error());
  return PendingSpec(std::move(*child), texts);
}

Result<std::variant<Stopped, Spec>> PendingSpec::finish() {
  Spec spec;
  if (has_state_) {
    auto state = take_state(child_);
    if (!state) return std::unexpected(std::move(state).error());
    if (!state->pid) return Stopped{.bundle = std::move(state->bundle), .id = std::move(state->id)};
    spec.state = std::move(*state);
  } else {
    spec.state = state_of_bundle(bundle_);
  }
  if (bundle_ != spec.state.bundle) {
    if (config_read_) (void)child_.answer();  // of another bundle's file
    auto text = read_config(spec.state.bundle);
    if (text) child_.ask({kConfig, *text});
    config_read_ = whether_read(text);
  }
  if (!config_read_) return std::unexpected(std::move(config_read_).error());
  auto config = take_config(child_);
  if (!config) return std::unexpected(std::move(config).error());
  spec.config = std::move(*config);
  return spec;
}

Result<std::string> PendingSpec::ask_of_compat(std::string_view question) {
  child_.ask({kCompat, question});
  return child_.answer();
}

void PendingSpec::ask_of_loader_file(std::string_view question) {
  child_.ask({kLoaderFile, question});
}

Result<std::string> PendingSpec::answer_of_loader_file() { return child_.answer(); }

void PendingSpec::dismiss() { child_.dismiss(); }

std::string rootfs_path(const Spec& spec) {
  const auto& root = spec.state.root.value_or(spec.config.root_path);
  return root.starts_with('/') ? root : spec.state.bundle + "/" + root;
}

}  // namespace nvhook
