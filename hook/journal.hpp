// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"

namespace nvhook {

// Where the run is reported: one line a message on standard error, for runtimes show exactly that,
// and the same as JSON lines in the log file; the plan and its steps in the debug file. The files
// are opened before the container is entered and written through their descriptors. What nobody
// reads within a second is not written to again: it would hold up the container's start each time.
class Journal {
 public:
  // Opens a file for appending, making it with mode 0600. A file that cannot be opened is warned
  // about: a container does not fail for its log. Symbolic links at the last name are refused.
  void open_log(const std::string& path);
  void open_debug(const std::string& path);
  void about(std::string container_id) { container_ = std::move(container_id); }

  void error(const Error& error);
  // The same, where there is no memory to say it with: on standard error only.
  void out_of_memory() noexcept;
  void warning(const Warning& warning);
  // To the debug file only: a line with the time of day and the processor time used so far.
  void step(std::string_view text);
  [[nodiscard]] bool debugging() const { return static_cast<bool>(debug_); }

 private:
  void message(std::string_view level, std::string_view id, const std::string& text);
  [[nodiscard]] UniqueFd open(const std::string& path);
  void say(std::string line);  // on standard error

  std::string container_;
  bool unheard_ = false;  // nobody reads standard error
  UniqueFd log_;
  UniqueFd debug_;
};

}  // namespace nvhook
