// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/base/error.hpp"
#include "nvhook/http/message.hpp"
#include "nvhook/volumes/contents.hpp"
#include "nvhook/volumes/store.hpp"

namespace nvhook::volumes {

// The driver of now, asked at each Create: look(), with where to look.
using Look = std::function<Result<Contents>()>;
// Takes a line for the log, without its time and without an end of line; all of it is printable.
using Say = std::function<void(std::string_view)>;

// The largest body that is read, and how deep its JSON may be nested.
inline constexpr std::size_t kMaxBody = std::size_t{64} << 10U;
inline constexpr std::size_t kMaxBodyDepth = 16;

// Docker's volume protocol as nvidia-docker-plugin 1.0.1 speaks it, over the store. What differs from
// it, and why, is in docs/companion/volumes.md. One thread; a Create may take as long as copying
// the driver does.
class Plugin {
 public:
  Plugin(Store store, Look look, Say say)
      : store_(std::move(store)), look_(std::move(look)), say_(std::move(say)) {}

  // Never fails: a refusal is an answer with "Err", as the protocol has it.
  [[nodiscard]] http::Response answer(const http::Request& request);

 private:
  [[nodiscard]] http::Response create(const std::string& name);
  [[nodiscard]] http::Response get(const std::string& name);
  [[nodiscard]] http::Response mount(const std::string& name, const std::string& id);
  [[nodiscard]] http::Response path(const std::string& name);
  [[nodiscard]] http::Response unmount(const std::string& name, const std::string& id);
  [[nodiscard]] http::Response remove(const std::string& name);
  [[nodiscard]] http::Response list();

  Store store_;
  Look look_;
  Say say_;
};

}  // namespace nvhook::volumes
