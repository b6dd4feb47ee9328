// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/http/message.hpp"
#include "nvhook/http/server.hpp"
#include "nvhook/page/assets.hpp"
#include "nvhook/rest/facts.hpp"

// The REST API of nvidia-docker-plugin 1.0, and what it lacked: docs/companion/rest.md. No sockets,
// no clock, no NVML in here: requests and values come in, answers go out.
namespace nvhook::rest {

using Clock = std::chrono::steady_clock;

// Nothing older than this is answered; each answer says how old its values are.
inline constexpr std::chrono::milliseconds kMaxAge{1000};
// For how long a failure is the answer, to those that waited for it and those that come behind:
// what is broken is asked ten times a second at most.
inline constexpr std::chrono::milliseconds kFailureHolds{100};
// Where CUDA has said nothing of any GPU: after how long it is asked again.
inline constexpr std::chrono::seconds kCudaAgain{60};
// Seconds with three decimals, of every answer that is made of values.
inline constexpr std::string_view kAgeHeader = "X-Nvhook-Age";

// The processes that compute, which the API's own paths name with their numbers. Whoever reaches
// the port sees them, a container in the host's network, too.
enum class Processes : std::uint8_t { Shown, Hidden };

struct Options {
  Processes processes = Processes::Shown;
  std::span<const page::Asset> assets = {};  // files that are answered as they are; copied
  // Of text/html: what the page may load and do.
  std::string content_policy{page::kContentPolicy};
  // Told, for the log, why an answer that is made of values is a 500; once for each set of them.
  std::function<void(const std::string&)> say = {};
};

class Service {
 public:
  explicit Service(Options options);
  Service(Service&&) noexcept;
  Service& operator=(Service&&) noexcept;
  ~Service();

  // Nothing: values are needed that are no older than kMaxAge. Once the next ones are here (take,
  // take_status) or cannot be had (fail), the same request is answered if it comes at that `now`.
  [[nodiscard]] std::optional<http::Response> answer(const http::Request& request,
                                                     Clock::time_point now);

  // Whether the next values must be all that there are. Otherwise those that change will do, which
  // are learnt much faster: status alone, without topology and CUDA.
  [[nodiscard]] bool needs_everything() const;

  // NVML has answered at `now`. An answer that is Nvml::error is one as of fail().
  void take(Facts facts, Clock::time_point now);
  // Likewise, what changes: the status of each GPU, and the node. The rest of `facts` is not looked
  // at, but for who the GPUs are: if those are others, or the driver is, or if it is time to ask
  // CUDA again, nothing is taken, false is returned, and everything is needed.
  [[nodiscard]] bool take_status(const Facts& facts, Clock::time_point now);
  // NVML has not answered: 500, or "down" where the answer is just that (/metrics, /healthz). All
  // values are forgotten.
  void fail(const Error& why, Clock::time_point now);

  // For /metrics: what the server has counted, as of now.
  void set_counters(const http::Counters& counters);

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

// Every path of the API, in the order of docs/companion/rest.md: those of 2016 without and with the
// prefix /v1.0, and those that came later.
[[nodiscard]] std::span<const std::string_view> all_paths();

}  // namespace nvhook::rest
