// SPDX-License-Identifier: Apache-2.0
#include "nvhook/companion/original.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>

#include "nvhook/base/quote.hpp"

namespace nvhook::companion::original {
namespace {

std::string usage(std::string_view argv0) {
  return "Usage of " + std::string(argv0) +
         ":\n"
         "  -d string\n"
         "    \tPath where to store the volumes (default \"/var/lib/nvidia-docker/volumes\")\n"
         "  -l string\n"
         "    \tServer listen address (default \"localhost:3476\")\n"
         "  -s string\n"
         "    \tPath to the plugin socket (default \"/run/docker/plugins\")\n"
         "  -v\tShow the plugin version information\n";
}

// What Go's strconv.ParseBool takes.
std::optional<bool> parse_bool(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "true", "TRUE", "True"};
  constexpr std::array<std::string_view, 6> kFalse = {"0", "f", "F", "false", "FALSE", "False"};
  if (std::ranges::find(kTrue, text) != kTrue.end()) return true;
  if (std::ranges::find(kFalse, text) != kFalse.end()) return false;
  return {};
}

struct Flag {
  std::string_view name;  // without dashes
  std::optional<std::string_view> value;
};

// "-d=V"; nothing for a word that is no flag.
std::optional<Flag> flag_in(std::string_view word) {
  if (word.size() < 2 || word.front() != '-') return {};
  word.remove_prefix(word.starts_with("--") ? 2 : 1);
  const auto sign = word.find('=');
  if (sign == word.npos || sign == 0) return Flag{.name = word, .value = {}};
  return Flag{.name = word.substr(0, sign), .value = word.substr(sign + 1)};
}

Endpoint shown_as(const std::string& listen, config::Address address) {
  return {.address = std::move(address), .both = false, .shown = listen};
}

std::unexpected<Error> refused(const std::string& text) {
  return failure(ErrorId::Listen, "listen tcp: " + text);
}

struct Free {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

// As Go does: an address of IPv4 if there is one.
Result<config::Address> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr)
    return refused("lookup " + host + ": no such host");
  const std::unique_ptr<addrinfo, Free> list(found);
  const auto* best = list.get();
  for (const auto* each = list.get(); each != nullptr; each = each->ai_next)
    if (each->ai_family == AF_INET && best->ai_family != AF_INET) best = each;
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(best->ai_addr, best->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0)
    return refused("lookup " + host + ": no such host");
  const bool six = best->ai_family == AF_INET6;
  const std::string numeric = six ? "[" + std::string(text.data()) + "]" : text.data();
  auto address = config::parse_address(numeric + ":" + std::to_string(port));
  if (!address) return refused("lookup " + host + ": no such host");
  return std::move(*address);
}

std::optional<std::uint16_t> port_in(std::string_view text) {
  std::uint16_t port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || stop != text.data() + text.size() || port == 0) return {};
  return port;
}

}  // namespace

std::variant<Flags, Refusal> parse(std::string_view argv0, std::span<const char* const> words) {
  Flags flags;
  const auto refuse = [&](const std::string& why, int status) {
    return Refusal{.text = why + usage(argv0), .status = status};
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const auto flag = flag_in(word);
    if (!flag || word == "--") break;
    if (flag->name.empty() || flag->name.front() == '-' || flag->name.front() == '=')
      return refuse("bad flag syntax: " + quote(word) + "\n", 2);
    if (flag->name == "h" || flag->name == "help") return refuse("", 2);
    if (flag->name == "v") {
      const auto value = parse_bool(flag->value.value_or("true"));
      if (!value)
        return refuse("invalid boolean value " + quote(*flag->value) + " for -v: parse error\n", 2);
      flags.version = *value;
      continue;
    }
    auto* const place = flag->name == "d"   ? &flags.store
                        : flag->name == "l" ? &flags.listen
                        : flag->name == "s" ? &flags.socket_directory
                                            : nullptr;
    if (place == nullptr) {
      auto name = quote(flag->name);
      if (name.size() == flag->name.size() + 2) name = flag->name;  // nothing had to be escaped
      return refuse("flag provided but not defined: -" + name + "\n", 2);
    }
    if (!flag->value && i + 1 == words.size())
      return refuse("flag needs an argument: -" + std::string(flag->name) + "\n", 2);
    *place = flag->value ? *flag->value : std::string_view(words[++i]);
  }
  return flags;
}

Result<Endpoint> endpoint_of(const std::string& listen) {
  const auto colon = listen.rfind(':');
  const auto shown = quote(listen);
  const auto text = shown.substr(1, shown.size() - 2);
  if (colon == listen.npos || listen.contains('\0'))
    return refused("address " + text + ": missing port in address");
  const auto port = port_in(std::string_view(listen).substr(colon + 1));
  if (!port) return refused("lookup tcp/" + text.substr(text.rfind(':') + 1) + ": unknown port");
  if (colon == 0)
    return Endpoint{.address = {.host = "::", .port = *port, .six = true, .any = true},
                    .both = true,
                    .shown = listen};
  auto host = listen.substr(0, colon);
  if (auto numeric = config::parse_address(host + ":" + std::to_string(*port)))
    return shown_as(listen, std::move(*numeric));
  if (!config::is_host_name(host))
    return refused("address " + text + ": too many colons in address");
  if (host == "localhost") host = "127.0.0.1";
  auto address = look_up(host, *port);
  if (!address) return std::unexpected(std::move(address).error());
  return shown_as(listen, std::move(*address));
}

std::string words_of(int error) {
  std::array<char, 128> room{};
  std::string text = ::strerror_r(error, room.data(), room.size());  // the one of GNU
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return text;
}

}  // namespace nvhook::companion::original
