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
#include "nvhook/volumes/name.hpp"
#include "nvhook/volumes/store.hpp"

namespace nvhook::volumes {

// The driver of now, asked at each Create and Mount: look(), with where to look.
using Look = std::function<Result<Contents>()>;
// Takes a line for the log, without its time and without an end of line; all of it is printable.
using Say = std::function<void(std::string_view)>;

// The largest body that is read, and how deep its JSON may be nested.
inline constexpr std::size_t kMaxBody = std::size_t{64} << 10U;
inline constexpr std::size_t kMaxBodyDepth = 16;

struct Body;  // of a request, in private

// Docker's volume protocol as nvidia-docker-plugin 1.0.1 speaks it, over the store. What differs
// from it, and why, is in docs/companion/volumes.md. One thread; a Create may take as long as
// copying the driver does.
class Plugin {
 public:
  Plugin(Store store, Look look, Say say)
      : store_(std::move(store)), look_(std::move(look)), say_(std::move(say)) {}

  // Never fails: a refusal is an answer with "Err", as the protocol has it.
  [[nodiscard]] http::Response answer(const http::Request& request);

 private:
  // Of each call's name, "Create", in the order of the protocol's description.
  [[nodiscard]] http::Response create(const Version& version);
  [[nodiscard]] http::Response remove(const Version& version);
  [[nodiscard]] http::Response mount(const Version& version, std::string_view id);
  [[nodiscard]] http::Response path(const Version& version);
  [[nodiscard]] http::Response unmount(const Version& version, std::string_view id);
  [[nodiscard]] http::Response get(const Version& version);
  [[nodiscard]] http::Response list();
  // Of a call that names a volume.
  [[nodiscard]] http::Response answer(std::string_view call, const Body& body);

  // The volume of this driver made, renewed or left as it is, and the log told. As Store::create().
  [[nodiscard]] Result<void> bring_up_to(const Contents& contents, const Version& version);

  // Logs it, and gives what Docker is told.
  [[nodiscard]] std::string failed(const Error& error);

  Store store_;
  Look look_;
  Say say_;
};

}  // namespace nvhook::volumes
