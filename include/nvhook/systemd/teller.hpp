// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "nvhook/base/error.hpp"
#include "nvhook/base/unique_fd.hpp"
#include "nvhook/systemd/order.hpp"

namespace nvhook::systemd {

// nvhook's end of nvhook-systemd: a process of another program, for nvhook itself can start none
// once it looks at a container, and has no use for a D-Bus library otherwise. It connects to
// systemd while nvhook goes on, gets one order, gives one answer, and ends. The order is carried
// out even if nobody waits for the answer; what has failed it says in the journal then. Without an
// order it ends with this object, having done nothing.
class Teller {
 public:
  // Starts the program that lies beside this one: whoever can put another file there can replace
  // this one as well. It must belong to root or to us, and nobody else may be able to write it. It
  // inherits one socket, and neither environment nor other descriptors. The calling process must be
  // single-threaded. Fails with E_SYSTEMD.
  [[nodiscard]] static Result<Teller> start();

  // Gives the order; to be called once. Makes no system call but write. Fails with E_SYSTEMD: the
  // program has ended.
  [[nodiscard]] Result<void> give(const Order& order);

  // What became of the order, for somebody who has the time. Fails with E_SYSTEMD: the answer is
  // Failed, or the program has ended without one.
  [[nodiscard]] Result<Outcome> await_answer();

 private:
  explicit Teller(UniqueFd socket) : socket_(std::move(socket)) {}

  UniqueFd socket_;
};

// The program's end. `socket` is what the Teller holds the other end of.
// The order that comes over it; nothing if the Teller has gone. Fails with E_SYSTEMD.
[[nodiscard]] Result<std::optional<Order>> receive_order(int socket);
// Whether there is still somebody who gets it.
[[nodiscard]] bool send_answer(int socket, const Answer& answer);

}  // namespace nvhook::systemd
