// SPDX-License-Identifier: Apache-2.0
#include "nvhook/systemd/order.hpp"

#include <algorithm>
#include <utility>

#include "nvhook/base/byte_reader.hpp"
#include "nvhook/base/byte_writer.hpp"
#include "nvhook/base/quote.hpp"
#include "nvhook/systemd/scope.hpp"

namespace nvhook::systemd {
namespace {

constexpr std::size_t kAroundReason = sizeof(Outcome) + sizeof(std::uint32_t);

std::unexpected<Error> unusable(std::string why) {
  return failure(ErrorId::Systemd, "a message between nvhook and nvhook-systemd " + std::move(why));
}

}  // namespace

std::string encode(const Order& order) {
  ByteWriter out;
  out.put(static_cast<std::uint8_t>(order.awaited));
  out.text(order.scope);
  out.put(static_cast<std::uint32_t>(order.nodes.size()));
  for (const auto& node : order.nodes) {
    out.text(node.path);
    out.put(node.number.major);
    out.put(node.number.minor);
  }
  return std::move(out).take();
}

std::string encode(const Answer& answer) {
  ByteWriter out;
  out.put(answer.outcome);
  out.text(std::string_view(answer.reason).substr(0, kMaxAnswer - kAroundReason));
  return std::move(out).take();
}

Result<Order> decode_order(std::string_view message) {
  if (message.size() > kMaxOrder) return unusable("is too long");
  ByteReader in(bytes_of(message));
  const auto awaited = in.take<std::uint8_t>();
  const auto scope = in.take_text();
  const auto count = in.take<std::uint32_t>();
  if (!awaited || *awaited > 1 || !scope || !count) return unusable("is cut");
  if (!is_scope(*scope)) return unusable("names no scope: " + quote(*scope));
  if (*count == 0 || *count > kMaxNodes) return unusable("has no or too many nodes");
  Order order{.scope = std::string(*scope), .nodes = {}, .awaited = *awaited == 1};
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto path = in.take_text();
    const auto major = in.take<std::uint32_t>();
    const auto minor = in.take<std::uint32_t>();
    if (!path || !major || !minor) return unusable("is cut");
    order.nodes.push_back({std::string(*path), {*major, *minor}});
  }
  if (in.remaining() != 0) return unusable("is longer than it says");
  return order;
}

Result<Answer> decode_answer(std::string_view message) {
  if (message.size() > kMaxAnswer) return unusable("is too long");
  ByteReader in(bytes_of(message));
  const auto outcome = in.take<std::uint8_t>();
  const auto reason = in.take_text();
  if (!outcome || !reason || in.remaining() != 0) return unusable("is cut");
  if (*outcome > std::to_underlying(Outcome::Failed)) return unusable("has an unknown outcome");
  Answer answer{.outcome = static_cast<Outcome>(*outcome), .reason = std::string(*reason)};
  std::ranges::replace_if(
      answer.reason, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return answer;
}

}  // namespace nvhook::systemd
