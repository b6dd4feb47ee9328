// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nvhook/http/message.hpp"
#include "nvhook/rest/facts.hpp"
#include "nvhook/rest/service.hpp"
#include "rest/arguments.hpp"
#include "rest/routes.hpp"
#include "rest/values.hpp"

namespace nvhook::rest {

// One set of values, and the answers that are made of it: each once, when it is first asked for.
class Rendered {
 public:
  using Say = std::function<void(const std::string&)>;

  Rendered(Facts facts, Processes processes, Say say, Clock::time_point now);

  // False, and nothing is taken: the GPUs or the driver are others, or CUDA is to be asked again.
  [[nodiscard]] bool take_status(const Facts& facts, Clock::time_point now);

  [[nodiscard]] Clock::time_point taken() const { return taken_; }
  // Of a page that is made of values alone; of Page::Metrics what they have a part in.
  [[nodiscard]] const http::Response& page(Page page);
  // /docker/cli with a query.
  [[nodiscard]] http::Response docker(Page page, std::string_view query);

 private:
  [[nodiscard]] bool is_complete(Clock::time_point now) const;
  [[nodiscard]] http::Response render(Page page);
  [[nodiscard]] http::Response refused(const std::variant<Refusal, Failure>& why);

  Facts facts_;
  Processes processes_;
  Say say_;
  bool said_ = false;
  Clock::time_point begun_;  // when everything was taken
  Clock::time_point taken_;
  Info info_;
  std::vector<DeviceStatus> status_;
  std::array<std::optional<http::Response>, kPages> pages_;
};

}  // namespace nvhook::rest
