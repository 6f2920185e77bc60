// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <utility>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include "penstock/exec/asio_executor.hpp"

// Not an operator: where a coroutine waits for its node.

namespace penstock::detail {

/// One coroutine waits here until it is let through, by `open`, which does not run it but posts it. A gate
/// that was opened while nobody waited lets the next one through. Cancelling does not end the wait: the node
/// opens the gates of the coroutines that it gives up.
class Gate {
 public:
  explicit Gate(const LoopExecutor& executor) noexcept : executor_(executor) {}

  template <class Token>
  auto async_wait(Token&& token) {
    return asio::async_initiate<Token, void()>(Wait{this}, token);
  }
  void open() {
    open_ = true;
    pass();
  }

 private:
  struct Wait {
    Gate* gate;
    template <class Handler>
    void operator()(Handler&& handler) const {
      gate->waiting_.emplace(std::forward<Handler>(handler));
      gate->pass();
    }
  };
  void pass() {
    if (!open_ || !waiting_) return;
    open_ = false;
    asio::post(executor_, [handler = std::move(*waiting_)]() mutable { std::move(handler)(); });
    waiting_.reset();
  }

  LoopExecutor executor_;
  std::optional<asio::any_completion_handler<void()>> waiting_;  // Boost 1.81 cannot assign to a handler
  bool open_ = false;
};

}  // namespace penstock::detail
