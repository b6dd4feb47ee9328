// SPDX-License-Identifier: Apache-2.0
#include "http/head.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <ranges>

#include "http/host.hpp"
#include "http/text.hpp"

namespace nvhook::http {
namespace {

using Verdict = std::optional<Refusal>;

constexpr std::string_view kHostHelp =
    "this server is not known by the name in the Host header: use http://localhost and its port";
constexpr std::string_view kOriginHelp = "pages of other sites may not ask this server";

auto fields_named(const Head& head, std::string_view name) {
  return head.fields | std::views::filter([name](const Field& field) {
           return equal_ignoring_case(field.name, name);
         });
}

const Field* first_named(const Head& head, std::string_view name) {
  auto fields = fields_named(head, name);
  const auto first = fields.begin();
  return first == fields.end() ? nullptr : &*first;
}

auto count_of(const Head& head, std::string_view name) {
  return std::ranges::distance(fields_named(head, name));
}

// What no value may have: all controls but the tab. Source: RFC 9110, 5.5.
bool has_controls(std::string_view value) {
  return std::ranges::any_of(value, [](char c) {
    return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
  });
}

std::size_t request_line_of(const Head& head) {
  return head.method.size() + head.target.size() + head.version.size() + 2;  // two spaces
}

Verdict judge_size(const Head& head) {
  if (request_line_of(head) > kMaxRequestLine) return Refusal{414, "the request line is too long"};
  const bool long_field = std::ranges::any_of(head.fields, [](const Field& field) {
    return field.name.size() + field.value.size() + 2 > kMaxField;
  });
  if (head.size > kMaxHead || head.fields.size() > kMaxFields || long_field)
    return Refusal{431, "the headers are too many or too long"};
  return std::nullopt;
}

// What is seen of a head must make up its size: the parts, CRLF behind each line, and at most one
// blank before each value. Otherwise something is hidden behind a NUL, lines are folded, or they
// end in LF alone.
bool makes_up_its_size(const Head& head) {
  constexpr std::size_t kLineEnd = 2;
  auto least = request_line_of(head) + kLineEnd + kLineEnd;
  for (const auto& field : head.fields)
    least += field.name.size() + 1 + field.value.size() + kLineEnd;
  return head.size >= least && head.size - least <= head.fields.size();
}

Verdict judge_form(const Head& head) {
  const bool well_formed = std::ranges::all_of(head.fields, [](const Field& field) {
    return is_token(field.name) && !has_controls(field.value);
  });
  if (!well_formed || !is_token(head.method) || !makes_up_its_size(head))
    return Refusal{400, "this is not HTTP as RFC 9112 has it"};
  if (head.version != "HTTP/1.1" && head.version != "HTTP/1.0")
    return Refusal{505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  return std::nullopt;
}

Verdict judge_host(const Head& head, const Rules& rules) {
  const auto hosts = count_of(head, "Host");
  if (hosts > 1) return Refusal{400, "there is more than one Host header"};
  if (rules.any_host) return std::nullopt;
  if (hosts == 0) return Refusal{400, "there is no Host header"};
  const auto name = name_in_host(first_named(head, "Host")->value);
  if (!name) return Refusal{400, "the Host header is malformed"};
  if (!names_us(*name, rules)) return Refusal{421, kHostHelp};
  return std::nullopt;
}

// Browsers say so when a page of another site asks. Source: the Fetch standard, 3.1 (Origin), and
// Fetch Metadata (Sec-Fetch-Site).
Verdict judge_origin(const Head& head) {
  const auto* host = first_named(head, "Host");
  for (const auto& origin : fields_named(head, "Origin"))
    if (host == nullptr || !is_our_origin(origin.value, host->value))
      return Refusal{403, kOriginHelp};
  for (const auto& site : fields_named(head, "Sec-Fetch-Site"))
    if (site.value != "same-origin" && site.value != "none") return Refusal{403, kOriginHelp};
  return std::nullopt;
}

// Chunks are not taken: no client of ours sends them, and what libmicrohttpd lets pass between them
// need not be known.
Verdict judge_framing(const Head& head) {
  const auto lengths = count_of(head, "Content-Length");
  const bool encoded = first_named(head, "Transfer-Encoding") != nullptr;
  if (lengths > 1 || (lengths == 1 && encoded))
    return Refusal{400, "the length of the body is given twice"};
  if (encoded) return Refusal{411, "a body comes with its Content-Length here"};
  if (lengths == 1) {
    const auto value = first_named(head, "Content-Length")->value;
    if (value.empty() || !std::ranges::all_of(value, is_digit))
      return Refusal{400, "Content-Length is not a number"};
  }
  return std::nullopt;
}

Verdict judge_target(const Head& head) {
  const bool printable =
      std::ranges::all_of(head.target, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
  if (!head.target.starts_with('/') || !printable)
    return Refusal{400, "the target is not a path and a query in plain ASCII"};
  return std::nullopt;
}

// Of a number in digits; the largest there is for a larger one.
std::size_t number_in(std::string_view digits) {
  std::size_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return parsed.ec == std::errc{} ? number : std::numeric_limits<std::size_t>::max();
}

Verdict judge_body(const Head& head, const Rules& rules) {
  const bool post = head.method == "POST";
  const auto* expect = first_named(head, "Expect");
  if (expect != nullptr && (!post || !equal_ignoring_case(expect->value, "100-continue")))
    return Refusal{417, "that cannot be expected here"};
  const auto* length = first_named(head, "Content-Length");
  const auto bytes = length == nullptr ? 0 : number_in(length->value);
  if (!post && bytes > 0) return Refusal{400, "a GET has no body here"};
  if (bytes > rules.max_body) return Refusal{413, "the body is too large"};
  return std::nullopt;
}

Verdict judge_method(const Head& head, const Rules& rules) {
  const bool get = head.method == "GET" || head.method == "HEAD";
  const bool served = (rules.get && get) || (rules.post && head.method == "POST");
  return served ? Verdict{} : Refusal{404, {}};
}

}  // namespace

std::optional<Refusal> refusal_of(const Head& head, const Rules& rules) {
  if (auto refusal = judge_size(head)) return refusal;
  if (auto refusal = judge_form(head)) return refusal;
  if (auto refusal = judge_host(head, rules)) return refusal;
  if (auto refusal = judge_origin(head)) return refusal;
  if (auto refusal = judge_framing(head)) return refusal;
  if (auto refusal = judge_target(head)) return refusal;
  if (auto refusal = judge_method(head, rules)) return refusal;
  return judge_body(head, rules);
}

}  // namespace nvhook::http
