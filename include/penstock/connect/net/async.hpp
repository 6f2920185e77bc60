// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "penstock/core/emit.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/exec/sleep.hpp"

// Not an operator: the coroutines that connections are served by.

namespace penstock {

/// A coroutine on a loop.
template <class T = void>
using Async = asio::awaitable<T, LoopExecutor>;

/// The completion token for what an Async waits for: `co_await socket.async_connect(endpoint, awaited)`.
inline constexpr asio::use_awaitable_t<LoopExecutor> awaited{};

namespace detail {

template <class T>
struct OfferHere {
  Outlet<T>* outlet;
  T value;
  Context context;
  Strand& strand() const noexcept { return outlet->strand(); }
  Receipt operator()() {
    if (outlet->ended()) static_cast<void>(offer(*outlet, Signal{Signal::reopen}));
    return offer(*outlet, std::move(value), context);
  }
};

/// Emits at the outlet of a node, for that node's own work on its loop: completes with
/// `void(std::exception_ptr)` when the element is taken, or with Stopped when the graph has ended meanwhile.
/// Cancelling it changes nothing: what was emitted is under way.
template <class T, class Token>
auto async_offer(Outlet<T>& outlet, T value, Context context, Token&& token) {
  return initiate(OfferHere<T>{&outlet, std::move(value), std::move(context)}, std::forward<Token>(token));
}

/// Ends a coroutine after some time.
class Expiry final : public Timer {
 public:
  Expiry(Loop& loop, Duration time) { loop.set(*this, later(loop.now(), time)); }
  void run() override {
    expired_ = true;
    signal_.emit(asio::cancellation_type::terminal);
  }
  bool expired() const noexcept { return expired_; }
  asio::cancellation_signal& signal() noexcept { return signal_; }

 private:
  asio::cancellation_signal signal_;
  bool expired_ = false;
};

/// What `work` returns, or asio::error::timed_out with `what` as its words after `time`, when the work has been
/// cancelled and has come to its end.
template <class T>
Async<T> within(Loop& loop, Duration time, Async<T> work, const char* what) {
  Expiry expiry{loop, time};
  asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  const auto forward = [&expiry](asio::cancellation_type type) { expiry.signal().emit(type); };
  if (state.slot().is_connected()) state.slot().assign(forward);
  auto token = asio::bind_cancellation_slot(expiry.signal().slot(), awaited);
  try {
    auto running = asio::co_spawn(AsioLoop::executor_of(loop), std::move(work), std::move(token));
    if constexpr (std::is_void_v<T>) {
      co_await std::move(running);
      state.slot().clear();
      co_return;
    } else {
      T result = co_await std::move(running);
      state.slot().clear();
      co_return result;
    }
  } catch (const boost::system::system_error&) {
    state.slot().clear();
    if (!expiry.expired()) throw;
  }
  throw boost::system::system_error(asio::error::timed_out, what);
}

}  // namespace detail
}  // namespace penstock
