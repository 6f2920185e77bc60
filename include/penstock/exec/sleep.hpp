// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include "penstock/core/pool.hpp"
#include "penstock/exec/asio_executor.hpp"

namespace penstock {
namespace detail {

template <class Handler>
class Sleep final : public Timer, public Pooled {
  using Executor = asio::associated_executor_t<Handler, LoopExecutor>;

 public:
  static void start(Loop& loop, Duration time, Handler handler) {
    auto* sleep = new Sleep(loop, std::move(handler));
    auto slot = asio::get_associated_cancellation_slot(sleep->handler_);
    if (slot.is_connected()) slot.assign([sleep](asio::cancellation_type) { sleep->stop(); });
    loop.set(*sleep, later(loop.now(), time));
  }

  void run() override {
    let_go();
    auto finish = [handler = std::move(handler_), result = result_]() mutable { std::move(handler)(result); };
    const auto work = std::move(work_);
    delete this;
    asio::dispatch(work.get_executor(), std::move(finish));
  }
  void discard() noexcept override {
    let_go();
    delete this;
  }

 private:
  Sleep(Loop& loop, Handler&& handler)
      : loop_(loop),
        handler_(std::move(handler)),
        work_(asio::get_associated_executor(handler_, AsioLoop::executor_of(loop))) {}

  /// Nobody can cancel it any more.
  void let_go() noexcept {
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.clear();
  }
  void stop() {
    result_ = asio::error::operation_aborted;
    loop_.set(*this, loop_.now());
  }

  Loop& loop_;
  Handler handler_;
  asio::executor_work_guard<Executor> work_;
  boost::system::error_code result_;
};

}  // namespace detail

/// Completes with `void(boost::system::error_code)` after `time` of the loop's clock, or with
/// operation_aborted when it is cancelled before. To be started on the loop, or where nobody runs it. Any
/// Asio completion token.
template <class Token>
auto async_sleep(Loop& loop, Duration time, Token&& token) {
  return asio::async_initiate<Token, void(boost::system::error_code)>(
      [&loop, time](auto handler) { detail::Sleep<decltype(handler)>::start(loop, time, std::move(handler)); }, token);
}

/// Waits in a coroutine: `co_await sleep(loop, 10ms)`.
template <class Token = asio::use_awaitable_t<>>
asio::awaitable<void> sleep(Loop& loop, Duration time) {
  return async_sleep(loop, time, Token{});
}

}  // namespace penstock
