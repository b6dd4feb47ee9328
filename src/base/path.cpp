// SPDX-License-Identifier: Apache-2.0
#include "nvhook/base/path.hpp"

#include <algorithm>

#include "nvhook/base/quote.hpp"

namespace nvhook {
namespace {

std::unexpected<Error> bad_path(std::string_view text, std::string_view why) {
  return failure(ErrorId::StateField, "path " + quote(text) + " " + std::string(why));
}

}  // namespace

template <class Side>
Result<PathOn<Side>> PathOn<Side>::parse(std::string_view text) {
  if (text.empty() || text.front() != '/') return bad_path(text, "is not absolute");
  if (text.size() > kMaxPath) return bad_path(text, "is longer than 4095 bytes");
  if (text.find('\0') != text.npos) return bad_path(text, "contains a NUL byte");

  std::string folded;
  for (auto rest = text; !rest.empty();) {
    const auto end = std::min(rest.find('/'), rest.size());
    const auto component = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (component.empty()) continue;
    if (component == "." || component == "..") return bad_path(text, "has a dot component");
    if (component.size() > kMaxName) return bad_path(text, "has a name longer than 255 bytes");
    folded += '/';
    folded += component;
  }
  if (folded.empty()) folded = "/";
  return PathOn{std::move(folded)};
}

template <class Side>
PathOn<Side> PathOn<Side>::parent() const {
  const auto slash = value.rfind('/');
  return {slash == 0 || slash == value.npos ? "/" : value.substr(0, slash)};
}

template <class Side>
std::string_view PathOn<Side>::name() const {
  return std::string_view(value).substr(value.rfind('/') + 1);
}

template struct PathOn<HostSide>;
template struct PathOn<ContainerSide>;

}  // namespace nvhook
