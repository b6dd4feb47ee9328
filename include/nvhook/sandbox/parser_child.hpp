// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook::sandbox {

struct Document {
  std::uint8_t kind = 0;
  std::string_view text;
};

// Turns one document into a record. Runs in the child.
using Handler = std::function<Result<std::string>(std::uint8_t kind, std::string_view document)>;

// A second process that reads what hostile hands have written, so that a fault in a parser is a
// fault of somebody who can do nothing. It holds its socket to us and standard error, has no
// capability, may make no system call but those that move bytes over its socket and memory
// (Filter::Parser in src/sandbox/calls.cpp), and is bounded in memory and processor time. It
// answers in order, one record a document, and ends with this object. On a kernel without seccomp
// filters it does without one; a child that can shed anything else less than that is given nothing.
class ParserChild {
 public:
  // Forks; the calling process must be single-threaded. The child has the documents at once, for it
  // is a copy of the caller, who can let go of them. Fails with E_KERNEL.
  [[nodiscard]] static Result<ParserChild> start(const Handler& handler,
                                                 std::span<const Document> documents = {});

  ParserChild(ParserChild&& other) noexcept;
  ParserChild& operator=(ParserChild&& other) noexcept;
  ~ParserChild();

  // Gives the child a further document, of kMaxDocument at most. Several may be given before the
  // first answer is taken, as long as they and all records due fit the socket (some 200 KiB);
  // answers come in the same order.
  void ask(const Document& document);

  // The record for the next document, as the handler returned it, or the handler's error. It is
  // awaited for kDeadline (a dribbling one for three times that) and may have kMaxRecord bytes; a
  // child that breaks these or dies, now or when it was asked, is an error, E_STATE_LIMIT, that
  // says how it ended; one that could not be confined is E_KERNEL. What it says is to be decoded
  // with distrust.
  [[nodiscard]] Result<std::string> answer();

  // Lets the child end by itself while the caller goes on; nothing can be parsed afterwards. It is
  // reaped with this object, which then does not wait for its memory to be taken apart.
  void dismiss();

  static constexpr std::chrono::seconds kDeadline{2};
  static constexpr std::size_t kMaxDocument = std::size_t{32} << 20U;
  static constexpr std::size_t kMaxRecord = std::size_t{5} << 20U;

 private:
  ParserChild(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}
  int end();  // kills and reaps it; how it ended, as wait(2) tells it

  pid_t pid_ = -1;
  UniqueFd socket_;
};

}  // namespace nvhook::sandbox
