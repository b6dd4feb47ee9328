// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "rest/metrics.hpp"

namespace nvhook::rest {
namespace {

void count(Exposition& page, std::string_view name, std::string_view help, std::uint64_t number) {
  page.family(name, Kind::Counter, help);
  page.sample({}, static_cast<double>(number));
}

void count_server(Exposition& page, const http::Counters& server) {
  count(page, "nvhook_http_connections_total", "Connections accepted.", server.accepted);
  count(page, "nvhook_http_connections_evicted_total", "Connections closed to make room.",
        server.evicted);
  count(page, "nvhook_http_connections_timed_out_total",
        "Connections closed because their time was over.", server.timed_out);
  count(page, "nvhook_http_connections_turned_away_total", "Connections not accepted.",
        server.turned_away);
  count(page, "nvhook_http_requests_refused_total",
        "Requests refused before their path was looked at.", server.refused);
}

}  // namespace

std::string own_metrics(const Counted& counted, std::optional<std::chrono::milliseconds> age) {
  Exposition page;
  page.family("nvhook_nvml_up", Kind::Gauge, "Whether NVML has answered: 1 or 0.");
  page.sample({}, age ? 1 : 0);
  page.family("nvhook_values_age_seconds", Kind::Gauge, "How long ago NVML said these values.");
  if (age) page.sample({}, static_cast<double>(age->count()) / 1000);
  count(page, "nvhook_nvml_answers_total", "Answers of NVML.", counted.answers);
  count(page, "nvhook_nvml_failures_total", "Questions that NVML left without an answer.",
        counted.failures);
  page.family("nvhook_http_requests_total", Kind::Counter,
              "Requests answered, by path and status.");
  for (const auto& [which, number] : counted.requests) {
    const auto code = std::to_string(which.second);
    page.sample(std::array{Label{"path", which.first}, Label{"code", code}},
                static_cast<double>(number));
  }
  if (counted.server) count_server(page, *counted.server);
  return std::move(page).take();
}

}  // namespace nvhook::rest
