// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "nvhook/volumes/name.hpp"
#include "volumes/answers.hpp"
#include "volumes/body.hpp"

// What is taken for a body is JSON, and its Name is found there. A name that is repeated in an
// answer comes back as it was; one that names a volume cannot leave the store.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nvhook::volumes;
  using Json = nlohmann::json;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const auto body = parse_body(text);
  if (!body) return 0;
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object() && !json.is_null()) std::abort();
  bool found = body->name.empty();
  for (const auto& [key, value] : json.items())
    if (value.is_string() && value.get_ref<const std::string&>() == body->name) found = true;
  if (!found) std::abort();

  const auto answer = Json::parse(*refusal(body->name).body, nullptr, false);
  if (answer.is_discarded() || answer["Err"] != body->name) std::abort();
  const auto name = parse_name(body->name);
  if (!name) return 0;
  const auto& version = name->version.text();
  if (version.find_first_not_of("0123456789.") != version.npos || version.contains("..") ||
      version.starts_with('.') || version.ends_with('.'))
    std::abort();
  return 0;
}
